"""What a sampler may use of a training step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from transformers import PreTrainedModel

from p2o.distributed.processes import together
from p2o.engines.base import SamplingParams
from p2o.errors import InputError
from p2o.rollouts.groups import Group, group_rollouts
from p2o.rollouts.worker import RolloutRequest, RolloutWorker, SubmittedRollouts
from p2o.seeds import derive_seed
from p2o.types import MixtureItem


class StepFailed(InputError):
    """Whoever writes texts for a sampler cannot go on: the step is done anew when the cause is gone.

    The sampler has kept what was answered and booked what that cost; all else is as when the step began.

    Args:
        message: What failed, and what to do.
        paid: Whether anything was answered in this step, so that a checkpoint is worth its while.
    """

    def __init__(self, message: str, paid: bool) -> None:
        super().__init__(message)
        self.paid = paid
        self.place = ""  # said by who saves the checkpoint

    def __str__(self) -> str:
        """With how to go on, where there is a checkpoint to go on from."""
        again = " What was paid for is kept; when its cause is gone, --ckpt_path last goes on there."
        return super().__str__() + (again if self.place else "")


@dataclass(frozen=True)
class RolloutStep:
    """The rollouts of one training step.

    Args:
        worker: Samples and grades them.
        policy: The present policy.
        initial_policy: Gives the policy before training within a `with`.
        sampling: Temperature and length of training rollouts.
        seed: Of the run.
        epoch: Of the step.
        number: Of the step within the epoch: another step has other extra questions.
        rank: Of this process.
        mixture: The epoch's items in an order that the names decide.
        ahead: The items of this process's batch of a number in the epoch; none if it may not be sampled before its
            turn.
    """

    worker: RolloutWorker
    policy: PreTrainedModel
    initial_policy: Callable[[], AbstractContextManager[PreTrainedModel]]
    sampling: SamplingParams
    seed: int
    epoch: int
    number: int
    rank: int
    mixture: Callable[..., Sequence[MixtureItem]]
    ahead: Callable[[int], Sequence[MixtureItem]]

    def roll_out(self, items: Sequence[MixtureItem], generation_round: int = 0, *, extra: bool = False) -> list[Group]:
        """K graded rollouts of each item, each under its own template; another round of the step has other seeds.

        `extra`: another process may draw the same questions in this round, and has to have other rollouts of them.
        All processes call it equally often: a signal to one of them ends it on all, so that none waits for another in
        what a sampler exchanges in between.
        """
        names = ("step", self.number, "turn", generation_round) if generation_round else ()
        own = ("process", self.rank) if extra and self.rank else ()
        requests = self._requests(items, *names, *own)
        rollouts = together(lambda: self.worker.roll_out(self.policy, requests, self.sampling, "train"))
        return group_rollouts(rollouts, items)

    def submit(self, batches: Sequence[Sequence[MixtureItem]]) -> list[SubmittedRollouts]:
        """Begins K rollouts of each item of several batches, from the present policy; `roll_out` would ask the same."""
        requests = [self._requests(items) for items in batches]
        return self.worker.submit(self.policy, requests, self.sampling, "train")

    def _requests(self, items: Sequence[MixtureItem], *names: str | int) -> list[RolloutRequest]:
        return [
            RolloutRequest(
                item.question,
                template,
                derive_seed(self.seed, "rollout", self.epoch, item.question.id, k, *names),
                guide,
            )
            for item in items
            for k, (template, guide) in enumerate(item.contexts)
        ]

    def extra_questions(self, items: Sequence[MixtureItem]) -> Iterator[MixtureItem]:
        """The epoch's other questions, each once, in an order that is this step's and this process's own."""
        asked = {item.question.id for item in items}
        mixture = self.mixture(self.epoch, "further", self.number, self.rank)
        return (item for item in mixture if item.question.id not in asked)
