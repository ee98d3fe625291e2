"""What a reflector is: failures in, new templates out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from transformers import PreTrainedModel

from p2o.engines.base import RolloutEngine
from p2o.prompts import PromptRenderer


@dataclass(frozen=True)
class Example:
    """One rollout as the reflector sees it: the question, what was answered, and what the reward says of it."""

    inputs: str
    outputs: str
    feedback: str


@dataclass(frozen=True)
class ReflectionJob:
    """Improve `template`, given how it did on these examples."""

    template: str
    examples: tuple[Example, ...]
    seed: int = 0


@dataclass(frozen=True)
class Proposal:
    """A new template, or "" and the reason why there is none.

    `prompt` is what the reflector was asked and `reply` what it wrote; "" if it asks or writes nothing.
    """

    template: str
    refusal: str = ""
    reply: str = ""
    prompt: str = ""
    tokens: int = 0  # of the reply, as the engine or the endpoint counts them; 0 if nobody says

    def refused(self, cause: str) -> "Proposal":
        """The same without its template, and the reason why."""
        return replace(self, template="", refusal=cause)


class ReflectionContext(Protocol):
    """What a reflector may use of the run: the rollout engine, the renderer, and both models."""

    engine: RolloutEngine
    renderer: PromptRenderer

    @property
    def policy(self) -> PreTrainedModel:
        """The present policy."""

    def initial_policy(self) -> PreTrainedModel:
        """The policy as it was before training."""


class Reflector(ABC):
    """Proposes templates."""

    @abstractmethod
    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One proposal for each job, in order."""
