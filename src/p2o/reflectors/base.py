"""What a reflector is given, what it returns, and the base class of all reflectors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedModel

from p2o.endpoints import ZERO_USAGE, Endpoint, Usage
from p2o.engines.base import RolloutEngine
from p2o.errors import InputError
from p2o.io.surrogates import has_half_pair
from p2o.prompts.renderer import PromptRenderer
from p2o.seeds import derive_seed


@dataclass(frozen=True)
class Example:
    """One rollout as the reflector sees it: the question, what was answered, and what the reward says of it."""

    inputs: str
    outputs: str
    feedback: str

    @property
    def key(self) -> str:
        """The same for equal examples alone, in every process: what is found out about them is kept under it."""
        return f"{derive_seed(0, self.inputs, self.outputs, self.feedback):016x}"


@dataclass(frozen=True)
class Partner:
    """The second parent of a crossover.

    Args:
        template: Its text.
        solves: Questions that it gets right and the first parent does not, as the policy is asked them.
        other_solves: Questions that the first parent gets right and it does not.
    """

    template: str
    solves: tuple[str, ...]
    other_solves: tuple[str, ...]


@dataclass(frozen=True)
class ReflectionJob:
    """Improve `template`, given how it did on these examples, or unite it with its partner.

    Args:
        template: What is to be improved.
        examples: How it did.
        seed: Of draws, its own for every job of a run.
        number: How many proposals the same evolution made before.
        evolution_seed: Of draws that all jobs of the same evolution share.
        partner: The second parent of a crossover; None where one template alone is to be improved.
    """

    template: str
    examples: tuple[Example, ...]
    seed: int = 0
    number: int = 0
    evolution_seed: int = 0
    partner: Partner | None = None

    @property
    def key(self) -> str:
        """The same for equal jobs alone, in every process: what replies are kept under."""
        texts = [text for example in self.examples for text in (example.inputs, example.outputs, example.feedback)]
        if self.partner is not None:
            texts += [self.partner.template, *self.partner.solves, *self.partner.other_solves]
        return f"{derive_seed(self.seed, self.template, *texts):016x}"


@dataclass(frozen=True)
class Proposal:
    """A new template, or "" and the reason why there is none.

    `prompt` is what the reflector was asked and `reply` what it wrote; "" if it asks or writes nothing. `usage` is what
    that cost. `others` are further replies to the same job, usable or not: evolution tries those with another template
    as far as its budget goes, and keeps the rest with their reasons. Their cost is part of `usage`, and they have none.
    """

    template: str
    rejection: str = ""
    reply: str = ""
    prompt: str = ""
    usage: Usage = ZERO_USAGE
    others: tuple["Proposal", ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Proposal":
        """The proposal whose fields `asdict` gave; 0.1.0 had no `others`."""
        others = tuple(map(cls.of, fields.get("others", ())))
        return cls(**{**fields, "usage": Usage(**fields["usage"]), "others": others})

    @property
    def tokens(self) -> int:
        """Tokens of the reply, thoughts included."""
        return self.usage.completion_tokens

    def rejected(self, cause: str) -> "Proposal":
        """The same proposal without its template, and with the reason why it is rejected."""
        return replace(self, template="", rejection=cause)


@dataclass(frozen=True)
class ReflectionContext:
    """What a reflector may use of the run.

    Args:
        engine: The rollout engine.
        renderer: Renders prompts for the policy.
        policy: The present policy.
        initial_policy: Gives the policy as it was before training within a `with`, to ask the engine with: beside an
            engine that keeps a copy it may have no values of its own.
        spent: What reflection has cost in this run so far, for limits.
    """

    engine: RolloutEngine
    renderer: PromptRenderer
    policy: PreTrainedModel
    initial_policy: Callable[[], AbstractContextManager[PreTrainedModel]]
    spent: Usage = ZERO_USAGE


class ReflectionFailed(InputError):
    """Reflection cannot go on: a wrong key, an endpoint that is down, a limit that is reached.

    Args:
        message: What failed, and what to do.
        proposals: In order of the jobs: what was answered before, so that nobody pays twice; None without an answer.
        usage: What all jobs cost, those without an answer included.
    """

    def __init__(self, message: str, proposals: Sequence[Proposal | None] = (), usage: Usage = ZERO_USAGE) -> None:
        super().__init__(message)
        self.proposals = tuple(proposals)
        self.usage = usage


def longest_of(templates: Iterable[str], renderer: PromptRenderer) -> int | None:
    """Tokens of the longest template; None if there is none."""
    texts = [text for text in templates if not has_half_pair(text)]  # whose tokens nobody counts, and nobody is asked
    return max((len(renderer.tokenizer.encode(text, add_special_tokens=False)) for text in texts), default=None)


class Reflector(ABC):
    """Proposes templates; a subclass decides who or what comes up with them."""

    @abstractmethod
    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One proposal for each job, in order.

        Raises:
            ReflectionFailed: It cannot go on; asking again before the cause is removed only costs.
        """

    @property
    def name(self) -> str:
        """The name under which the ledger books what it costs."""
        return type(self).__name__

    @property
    def samples(self) -> bool:
        """Whether it asks the engine of the run: of many processes only the first one calls `reflect`."""
        return False

    @property
    def own_engine(self) -> RolloutEngine | None:
        """The engine that it samples with in place of the run's, if it has one."""
        return None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those that it will ask: they are tried before training."""
        return ()

    @property
    def known_templates(self) -> Sequence[str]:
        """All templates that it may propose, where they are written down before training; else none."""
        return ()

    def longest_template(self, renderer: PromptRenderer) -> int | None:
        """Tokens that a template of its has at most, by the policy's tokenizer; None: it does not say.

        `p2o plan` counts with it, and with the longest template that fits the window where it is not said.
        """
        return longest_of(self.known_templates, renderer)

    def problems(self, window: int, renderer: PromptRenderer) -> Iterator[str]:
        """Why the policy could never be asked, which is known before training; most reflectors ask another one.

        Args:
            window: Tokens of prompt and reply that the policy takes together at most.
            renderer: Renders prompts for the policy.
        """
        return iter(())

    def reflecting_policy(self, context: ReflectionContext) -> AbstractContextManager[PreTrainedModel]:
        """The policy that it asks, if it samples; where that is sharded, all processes enter it together."""
        return nullcontext(context.policy)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, or has paid for besides proposals, in types that JSON has; most keep nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (without state there is nothing to do)
        """Takes over what `state_dict` described in an earlier process.

        It is empty in a state of 0.1.0, and another reflector's where the config names another one now.
        """
