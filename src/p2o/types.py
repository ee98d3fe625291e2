"""The records that flow through both loops: frozen, and each field keeps its meaning."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf


@dataclass(frozen=True)
class Question:
    """A question with a verifiable answer. `origin` says where it was read ("train.jsonl:12"), for messages."""

    id: str
    text: str
    answer: str
    difficulty: str = "all"
    origin: str = ""


@dataclass(frozen=True)
class MixtureItem:
    """A question of this epoch with one template per rollout; "" is the bare question.

    A rollout that is left bare of a template that the question carries has it as its guide.
    """

    question: Question
    templates: tuple[str, ...]  # K
    guides: tuple[str, ...] = ()  # K, "" for none; or empty if there is none at all

    @property
    def contexts(self) -> tuple[tuple[str, str], ...]:
        """Template and guide of each rollout, K."""
        return tuple(zip(self.templates, self.guides or ("",) * len(self.templates), strict=True))


@dataclass(frozen=True)
class Prompt:
    """Token ids for an engine, and the seed of this one completion."""

    ids: tuple[int, ...]
    seed: int = 0


@dataclass(frozen=True)
class Completion:
    """Token ids from an engine, eos included; `truncated` if the length limit cut it off.

    `logps` are the log-probabilities of `ids` under the sampling distribution (temperature included), if the engine
    knows them.
    """

    ids: tuple[int, ...]
    truncated: bool
    logps: tuple[float, ...] | None = None


class Outcome(StrEnum):
    """What the reward found. Only `CORRECT` and `WRONG` are verdicts on an answer."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    TRUNCATED = "truncated"
    TIMEOUT = "timeout"
    ERROR = "error"


@dataclass(frozen=True)
class Grade:
    """A verdict: the reward, its kind, and the answer that was read out of the completion ("" if none)."""

    reward: float
    outcome: Outcome
    extracted: str = ""


@dataclass(frozen=True)
class Rollout:
    """One graded completion y of a question x, sampled under T(x, z)."""

    question: Question
    template: str  # z; "" if bare
    prompt_ids: tuple[int, ...]  # T(x, z), as the engine saw it
    completion: Completion
    text: str
    grade: Grade
    guide: str = ""  # the template that a bare rollout was left without, if its question carries one

    @property
    def reward(self) -> float:
        """The reward of the grade."""
        return self.grade.reward

    @property
    def correct(self) -> bool:
        """Whether the answer was graded correct; shaped rewards do not change it."""
        return self.grade.outcome is Outcome.CORRECT


@dataclass(frozen=True)
class TemplateGap:
    """How far what was right under a template is from the bare policy: one completion, or the mean over some.

    Args:
        template: Its text.
        gap: Δ, in nats.
        masked: Share of the tokens that the context estimator gives weight 0, 0-1.
        completions: Over how many it is.
        nats: Sum of what the template adds to the log-probabilities of all tokens, where it adds; None if nobody
            counted it, as in files and states of earlier releases.
        masked_nats: Of it, what it adds to tokens of weight 0.
    """

    template: str
    gap: float
    masked: float
    completions: int = 1
    nats: float | None = None
    masked_nats: float | None = None

    @property
    def masked_gap(self) -> float | None:
        """Share of the nats that is masked, 0-1; None if it is not known, or there is none."""
        if self.nats is None or self.masked_nats is None or not 0 < self.nats < inf:
            return None
        return self.masked_nats / self.nats
