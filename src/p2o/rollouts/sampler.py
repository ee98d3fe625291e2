"""What a sampler is: questions in, the groups of rollouts to learn from out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from p2o.contracts import name_of
from p2o.engines.base import RolloutEngine
from p2o.errors import InputError
from p2o.objective.engine_correction import EngineCorrection
from p2o.rollouts.groups import Group
from p2o.rollouts.step import RolloutStep
from p2o.types import MixtureItem


@dataclass(frozen=True)
class SampledGroups:
    """What came of a rollout batch.

    Args:
        train: To learn from, as many as there were items, so that all processes take equally many optimizer steps.
        dropped: Rolled out too; they are mined, logged and counted, but not learnt from.
        figures: Of the sampler's own, by the names that they are logged under.
    """

    train: list[Group]
    dropped: list[Group]
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """What a run will ask of a sampler, on all processes together.

    Args:
        epochs: Of the run.
        questions: Of an epoch.
        batch_size: Questions per step and process.
        num_generations: K.
        processes: Of the run.
        different: Questions that the run asks, each counted once: at least and at most.
    """

    epochs: int
    questions: int
    batch_size: int
    num_generations: int
    processes: int
    different: tuple[int, int]

    @property
    def samples(self) -> int:
        """Items of an epoch, on all processes together."""
        return padded(self.questions, self.processes)

    @property
    def completions(self) -> int:
        """K completions for each item of each epoch."""
        return self.epochs * self.samples * self.num_generations


def padded(questions: int, processes: int) -> int:
    """Questions of an epoch, with those that Lightning's sampler asks twice so that all processes take equally many."""
    return -(-questions // processes) * processes


class Sampler(ABC):
    """Decides what a step learns from. A stateful one says so in plain types, which go into the checkpoint.

    `ignores_templates`: whether what it learns from is written under no template that an item carries.
    """

    ignores_templates: bool = False

    @abstractmethod
    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """The groups of one step; every process rolls out equally often, with no items where it has none to ask."""

    def problems(self, engine: RolloutEngine, correction: EngineCorrection) -> Iterator[str]:
        """Why it cannot sample for a run with this engine and this correction, which `p2o fit` then refuses."""
        return iter(())

    @property
    def writers(self) -> Sequence[object]:
        """The reflectors that write hints for it."""
        return ()

    @property
    def own_engines(self) -> Sequence[RolloutEngine]:
        """Engines beside the run's, which are checked with it before it begins."""
        return ()

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

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """K rollouts of each item, all of which are learnt from."""
        return SampledGroups(step.roll_out(items), [])


def sample_checked(sampler: Sampler, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
    """The groups of a step: with fewer to learn from, this process would take other steps than the others.

    Raises:
        InputError: They are not as many as the items, or not of equally many rollouts.
    """
    came: object = sampler(items, step)
    if not isinstance(came, SampledGroups):
        raise InputError(f"{name_of(sampler)}: expected p2o.rollouts.SampledGroups, got {came!r:.100}.")
    if len(came.train) != len(items):
        raise InputError(
            f"{name_of(sampler)}: expected as many groups in `train` as the step has items, {len(items)}, got "
            f"{len(came.train)}. A group that should teach nothing may stay in: equal rewards have no advantage."
        )
    sizes = sorted({len(group) for group in came.train})
    if len(sizes) > 1 or 0 in sizes:
        raise InputError(f"{name_of(sampler)}: expected groups of equally many rollouts in `train`, got {sizes}.")
    return came
