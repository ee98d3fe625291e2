"""What a sampler is: questions in, the groups of rollouts to learn from out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from transformers import PreTrainedModel

from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.prompts.renderer import PromptRenderer
from p2o.types import Completion, MixtureItem, Rollout

T = TypeVar("T")
Group = Sequence[Rollout]  # K rollouts of one question


@dataclass(frozen=True)
class SampledGroups:
    """What came of a rollout batch.

    Args:
        groups: To learn from, as many as there were samples, so that all processes take equally many optimizer steps.
        left_out: Rolled out too; they are mined, logged and counted, but not learnt from.
    """

    groups: list[Group]
    left_out: list[Group]


@dataclass(frozen=True)
class Workload:
    """What a run will ask of a sampler, on all processes together.

    Args:
        epochs: Of the run.
        questions: Training questions.
        batch_size: Questions per step and process.
        num_generations: K.
        processes: Of the run.
    """

    epochs: int
    questions: int
    batch_size: int
    num_generations: int
    processes: int

    @property
    def samples(self) -> int:
        """Of an epoch."""
        return padded(self.questions, self.processes)

    @property
    def completions(self) -> int:
        """K for each sample of each epoch."""
        return self.epochs * self.samples * self.num_generations


def padded(questions: int, processes: int) -> int:
    """With those that Lightning's sampler asks twice, so that all processes take equally many."""
    return -(-questions // processes) * processes


class SamplingContext(Protocol):
    """What a sampler may use of the run."""

    engine: RolloutEngine
    renderer: PromptRenderer
    sampling: SamplingParams
    seed: int

    @property
    def policy(self) -> PreTrainedModel:
        """The present policy."""

    def initial_policy(self) -> PreTrainedModel:
        """The policy as it was before training."""

    def rollout(self, samples: Sequence[MixtureItem], turn: int = 0) -> list[Group]:
        """K graded rollouts of the policy for each sample; another turn has other seeds."""

    def extra_questions(self, samples: Sequence[MixtureItem]) -> Iterator[MixtureItem]:
        """Samples of this epoch's other questions, each once, in an order that is this step's own."""

    def grade_teacher_completions(
        self, samples: Sequence[MixtureItem], completions: Sequence[Completion]
    ) -> list[Group]:
        """Completions that somebody else wrote, K for each sample, graded and with the bare prompt before them."""

    def count(self, phase: str, completions: Sequence[Completion]) -> None:
        """Counts completions as sampled in a phase."""

    def gather(self, value: T) -> list[T]:
        """The values of all processes; every process calls it equally often."""


class Sampler(ABC):
    """Decides what a step learns from. A stateful one says so in plain types, which go into the checkpoint."""

    @abstractmethod
    def __call__(self, samples: Sequence[MixtureItem], context: SamplingContext) -> SampledGroups:
        """The groups of one step."""

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """Completions of a run at least and at most, by the phase that they are counted as: for `p2o plan`."""
        return {"train": (work.completions, work.completions)}

    def state_dict(self) -> dict[str, Any]:
        """Plain types and tensors; empty if there is no state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (without state there is nothing to do)
        """Takes over what `state_dict` described."""


class AllGroups(Sampler):
    """The groups of the batch, whatever comes (GRPO, P²O)."""

    def __call__(self, samples: Sequence[MixtureItem], context: SamplingContext) -> SampledGroups:
        """K rollouts of each sample."""
        return SampledGroups(context.rollout(samples), [])
