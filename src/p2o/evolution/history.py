"""What an evolution remembers: candidates, iterations, and the history made of them, which is its whole state."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from statistics import fmean
from typing import Any


class Status(StrEnum):
    """What became of a candidate. `SEED` and `ACCEPTED` are in the pool."""

    SEED = "seed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # not better than its parent on the mini-batch
    BUDGET_EXHAUSTED = "budget_exhausted"  # better, but the budget had no dev evaluation left for it


class Stage(StrEnum):
    """What an iteration was for."""

    SEARCH = "search"
    COVER = "cover"  # templates of the pool are asked dev questions beyond the screen
    CONFIRM = "confirm"  # dev questions with one solver alone are asked again


@dataclass(frozen=True)
class Candidate:
    """A template that was tried, with its evidence.

    Args:
        text: The template.
        status: What became of it.
        iteration: When it was tried; 0 for seeds.
        parent: Its parent's index in the pool; None for seeds.
        mini_batch: Ids of the train questions of the comparison, B, or more if it had a second chance.
        before: The parent's mean reward on each of them.
        after: Its own mean reward on each of them.
        dev_scores: Share of correct completions on each dev question of the screen (on all of them if there is no
            screen), 0-1; empty if it is not in the pool.
        cover_scores: The same on the dev questions beyond the screen that it was asked, by id.
        confirmed: Share of correct completions of a second draw, on dev questions that it alone solves, by id.
        prompt: What the reflector was asked; "" for seeds.
        reply: What it wrote; "" for seeds.
    """

    text: str
    status: Status
    iteration: int
    parent: int | None = None
    mini_batch: tuple[str, ...] = ()
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    dev_scores: tuple[float, ...] = ()
    prompt: str = ""
    reply: str = ""
    cover_scores: dict[str, float] = field(default_factory=dict)
    confirmed: dict[str, float] = field(default_factory=dict)

    @property
    def dev_score(self) -> float:
        """Mean score on the dev questions that all templates are asked; 0 if it has none."""
        return fmean(self.dev_scores) if self.dev_scores else 0.0


@dataclass(frozen=True)
class RejectedProposal:
    """A proposal without a template that is worth trying: why, what was asked, and what was replied.

    Args:
        iteration: When it was made.
        parent: The index in the pool of the template that it should have improved.
        cause: Why it was rejected.
        prompt: What the reflector was asked.
        reply: What it wrote.
    """

    iteration: int
    parent: int
    cause: str
    prompt: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Iteration:
    """What one iteration did and cost; the first one scores the seeds.

    Args:
        parents: Their indices in the pool.
        skipped: Parents whose mini-batch was already perfect.
        rejections: Why there was no child, and how often: the reflector's reasons, and texts that were known.
        tried: Children compared with their parents.
        accepted: Those that the gate let pass, those without a dev evaluation included.
        parent_rollouts: Rollouts of the parents' mini-batches.
        child_rollouts: Rollouts of the children's mini-batches.
        dev_rollouts: Rollouts on the dev questions.
        stage: What it was for.
        second_chances: Further mini-batches on which a child was compared with its parent.
    """

    parents: tuple[int, ...] = ()
    skipped: int = 0
    rejections: dict[str, int] = field(default_factory=dict)
    tried: int = 0
    accepted: int = 0
    parent_rollouts: int = 0
    child_rollouts: int = 0
    dev_rollouts: int = 0
    stage: Stage = Stage.SEARCH
    second_chances: int = 0

    @property
    def spent(self) -> int:
        """Rollouts of the iteration, whatever they were for."""
        return self.parent_rollouts + self.child_rollouts + self.dev_rollouts


@dataclass(frozen=True)
class History:
    """All that happened so far.

    Args:
        pool: Templates scored on dev, in the order they came; seeds first.
        others: Candidates that are not in the pool: rejected, or without a dev evaluation.
        iterations: In order; number 0 scored the seeds.
        rejected: Proposals that came to nothing, in order.
    """

    pool: tuple[Candidate, ...] = ()
    others: tuple[Candidate, ...] = ()
    iterations: tuple[Iteration, ...] = ()
    rejected: tuple[RejectedProposal, ...] = ()

    @property
    def spent(self) -> int:
        """Rollouts that the search has cost so far."""
        return sum(iteration.spent for iteration in self.iterations)

    @property
    def mini_batches(self) -> int:
        """How many mini-batches were drawn so far: for the parents of each iteration, and for second chances."""
        return sum(len(iteration.parents) + iteration.second_chances for iteration in self.iterations)

    @property
    def proposals(self) -> int:
        """How many proposals were made so far, rejected ones included."""
        return sum(iteration.tried for iteration in self.iterations) + self.rejections.total()

    @property
    def idle(self) -> int:
        """Iterations of the search in a row, up to now, that had nothing new to try."""
        tried = [iteration.tried > 0 for iteration in self.iterations[1:] if iteration.stage is Stage.SEARCH]
        return tried[::-1].index(True) if True in tried else len(tried)

    @property
    def best_dev_scores(self) -> list[float]:
        """Best mean dev score of the pool after each iteration."""
        scores = [(candidate.iteration, candidate.dev_score) for candidate in self.pool]
        return [max(score for made, score in scores if made <= number) for number in range(len(self.iterations))]

    @property
    def rejections(self) -> Counter[str]:
        """Why there was no child, and how often, over all iterations."""
        return sum((Counter(iteration.rejections) for iteration in self.iterations), Counter())

    def extended(
        self, candidates: Iterable[Candidate], iteration: Iteration, rejected: Iterable[RejectedProposal] = ()
    ) -> "History":
        """The history after one more iteration with these candidates."""
        candidates = tuple(candidates)
        return History(
            pool=self.pool + tuple(candidate for candidate in candidates if candidate.dev_scores),
            others=self.others + tuple(candidate for candidate in candidates if not candidate.dev_scores),
            iterations=(*self.iterations, iteration),
            rejected=(*self.rejected, *rejected),
        )

    def updated(self, scores: Mapping[int, Mapping[str, float]], iteration: Iteration) -> "History":
        """The history after one more iteration, which asked templates of the pool further dev questions.

        Args:
            scores: Share of correct completions by the template's index in the pool and the question's id.
            iteration: Of the stage that says what the scores are.
        """
        field = "confirmed" if iteration.stage is Stage.CONFIRM else "cover_scores"
        pool = list(self.pool)
        for index, found in scores.items():
            pool[index] = replace(pool[index], **{field: getattr(pool[index], field) | found})
        return replace(self, pool=tuple(pool), iterations=(*self.iterations, iteration))

    def state_dict(self) -> dict[str, Any]:
        """Plain types only, so that a checkpoint loads with `weights_only=True`, and JSON gives the same back."""
        return {
            "pool": [_plain(candidate) for candidate in self.pool],
            "others": [_plain(candidate) for candidate in self.others],
            "iterations": [_plain(iteration) for iteration in self.iterations],
            "rejected": [_plain(rejected) for rejected in self.rejected],
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "History":
        """The history that `state_dict` described, with its records restored."""
        return cls(
            pool=tuple(_candidate(fields) for fields in state["pool"]),
            others=tuple(_candidate(fields) for fields in state["others"]),
            iterations=tuple(_iteration(fields) for fields in state["iterations"]),
            rejected=tuple(RejectedProposal(**fields) for fields in state["rejected"]),
        )


def _plain(record: Candidate | Iteration | RejectedProposal) -> dict[str, Any]:
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(record).items()}
    return {name: str(value) if isinstance(value, StrEnum) else value for name, value in fields.items()}


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _candidate(fields: dict[str, Any]) -> Candidate:
    return Candidate(**_tuples(fields) | {"status": Status(fields["status"])})


def _iteration(fields: dict[str, Any]) -> Iteration:
    return Iteration(**_tuples(fields) | {"stage": Stage(fields["stage"])})
