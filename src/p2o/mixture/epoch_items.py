"""The items of an epoch, and the loaders that hand them out in order."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from lightning import Trainer
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from p2o.types import MixtureItem


class EpochItems(Dataset[MixtureItem]):
    """The mixture of the epoch in which its first item is taken.

    A loader is made before the postponed evolution of a resumed run, and read after it.

    Args:
        count: Items of the epoch.
        draw: Draws them.
    """

    def __init__(self, count: int, draw: Callable[[], Sequence[MixtureItem]]) -> None:
        self.count = count
        self.draw = draw

    @cached_property
    def items(self) -> Sequence[MixtureItem]:
        """The items, drawn when they are first asked for."""
        return self.draw()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> MixtureItem:
        return self.items[index]


class EpochLoader(DataLoader[Any]):
    """A loader whose first pass may begin within the epoch: where the checkpoint of a resumed run left it.

    Lightning asks for `load_state_dict` when it resumes within an epoch, and would begin anew otherwise.
    """

    first = 0  # batch that the next pass begins with
    trainer: Trainer | None = None  # of the run whose training batches these are

    def __iter__(self) -> Any:  # noqa: ANN401 (an iterator, where torch promises one of its own)
        first, self.first = self.first, 0
        return islice(super().__iter__(), first, None)

    def ahead(self, number: int) -> list[MixtureItem]:
        """What this process's training batch of a number in the epoch will hold.

        None if the epoch ends before it, or if validation comes right before it, for which the engine gets the weights
        of then.
        """
        assert self.trainer is not None and self.batch_sampler is not None
        if number >= self.trainer.num_training_batches or _validates_before(number, self.trainer):
            return []
        return [self.dataset[index] for index in next(islice(self.batch_sampler, number, None))]

    def state_dict(self) -> dict[str, int]:
        """Nothing of its own: how far an epoch came is counted by the Trainer (`p2o.policy.checkpoints.place`)."""
        return {"batch": 0}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begins the next pass with a batch of this number."""
        self.first = state["batch"]


def in_order(items: Any, batch_size: int, trainer: Trainer | None) -> EpochLoader:  # noqa: ANN401 (a list is a data set)
    """A loader of lists of items, which the processes of a run take in turn.

    Lightning would shuffle what a distributed run trains on, and the mixture is shuffled by its own seed.
    """
    sampler: DistributedSampler[Any] | None = None
    if trainer is not None and trainer.world_size > 1:
        sampler = DistributedSampler(items, trainer.world_size, trainer.global_rank, shuffle=False)
    loader = EpochLoader(items, batch_size=batch_size, sampler=sampler, collate_fn=list)
    loader.trainer = trainer
    return loader


def _validates_before(number: int, trainer: Trainer) -> bool:
    """Whether `trainer.val_check_interval` has validation come right before a batch of the epoch.

    By the clock it may come before any; so it may where its interval does not start anew with each epoch.
    """
    every = trainer.val_check_batch
    if every is None or trainer.check_val_every_n_epoch is None:
        return True
    return number % every == 0
