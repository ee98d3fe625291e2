"""Where in a run a checkpoint was written, and what Lightning must be told to go on exactly there.

Lightning counts epochs and batches in `loops` of a checkpoint. What it makes of these counts when it resumes depends on
the hook that the checkpoint was written in, and within an epoch it repeats or leaves out steps. So a checkpoint is
given the counts of one of four places, each of which it resumes from exactly (lightning 2.6.6, `loops/fit_loop.py`):

- between two epochs;
- between two batches of an epoch;
- behind the last batch of an epoch, before its validation;
- behind the validation, before `on_train_epoch_end` of the callbacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning import Trainer
from lightning.pytorch.loops.progress import _ProcessedTracker

from p2o.errors import InputError

Loops = dict[str, Any]  # of the fit loop, by the names of Lightning
_COUNTS = ("ready", "started", "processed", "completed")


@dataclass(frozen=True, order=True)
class Place:
    """How far a run has come.

    Args:
        epoch: Epochs that are finished.
        batch: Batches of the next one that are finished, their updates included.
        validated: Whether that epoch lacks nothing but its end.
    """

    epoch: int
    batch: int = 0
    validated: bool = False

    @property
    def within_epoch(self) -> bool:
        """Whether an epoch has begun and not ended."""
        return self.batch > 0

    def __str__(self) -> str:
        if not self.within_epoch:
            return f"before epoch {self.epoch}"
        return f"in epoch {self.epoch} {'before its end' if self.validated else f'after batch {self.batch - 1}'}"


def place_of(trainer: Trainer) -> Place:
    """How far a run has come: work that is under way does not count, as it is done anew."""
    loop = trainer.fit_loop
    epoch, batches = loop.epoch_progress.current, loop.epoch_loop.batch_progress.current
    assert isinstance(epoch, _ProcessedTracker) and isinstance(batches, _ProcessedTracker)
    if epoch.completed < epoch.processed:  # `on_train_epoch_end` runs
        return Place(epoch.completed, batches.processed, validated=True)
    if epoch.processed < epoch.started:
        return Place(epoch.processed, batches.processed)
    return Place(epoch.completed)


def logged_step(trainer: Trainer) -> int:
    """The step at which loggers are told something: rollout batches so far, by which Lightning logs training as well.

    `trainer.global_step` counts optimizer steps, of which a batch may have several.
    """
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def place_in(checkpoint: Mapping[str, Any]) -> Place:
    """Where the run goes on that is resumed from a checkpoint."""
    return Place(**checkpoint["p2o_run"]["place"])


def check_processes(place: Place, wrote: int, processes: int) -> None:
    """Compares how many processes wrote a checkpoint with how many go on from it.

    Raises:
        InputError: It is of a place within an epoch, and they are more or fewer.
    """
    if place.within_epoch and wrote != processes:
        raise InputError(
            f"The checkpoint was written {place}, by {wrote} processes; within an epoch a run goes on with as many, "
            f"and this one has {processes}. Set trainer.devices and trainer.num_nodes as they were, or take the "
            "checkpoint of an epoch."
        )


def set_place(loops: Loops, trainer: Trainer, place: Place) -> None:
    """Gives the counts in `loops` of a checkpoint, written at any moment, the values of `place`."""
    epoch, batches = loops["epoch_progress"], loops["epoch_loop.batch_progress"]
    if not place.within_epoch:
        _equal(epoch, place.epoch)
        loops["state_dict"]["combined_loader"] = []
        return
    _equal(epoch, place.epoch)
    for counts in (epoch["current"], epoch["total"]):
        counts["ready"] += 1
        counts["started"] += 1
    late = batches["current"]["processed"] - batches["current"]["completed"]  # 1 within `on_train_batch_end`
    _equal(batches, place.batch)
    batches["is_last_batch"] = place.validated  # also where a callback has ended the epoch before its last batch
    loops["state_dict"]["combined_loader"] = [{"batch": place.batch}]
    state, validation = loops["epoch_loop.state_dict"], loops["epoch_loop.val_loop.batch_progress"]
    last = place.batch >= trainer.num_training_batches
    due = _validation_is_due(trainer, place.batch, batches["total"]["completed"])
    if due and not place.validated and (last or trainer.validating):
        _unfinished(validation)  # or Lightning would take it for done
        return
    _equal(validation, validation["current"]["completed"])
    state["_batches_that_stepped"] += late - due  # Lightning counts a batch when it finds its validation done


def _validation_is_due(trainer: Trainer, batch: int, batches: int) -> bool:
    """Whether one comes behind `batch` batches of the epoch, `batches` of the run (`_should_check_val_fx`)."""
    if trainer.val_check_batch is None:  # by the clock
        return bool(trainer.validating)
    if not trainer.fit_loop.epoch_loop._should_check_val_epoch():
        return False
    return (batches if trainer.check_val_every_n_epoch is None else batch) % int(trainer.val_check_batch) == 0


def _equal(progress: dict[str, Any], current: int) -> None:
    """All that began is finished: `current` of it in this epoch or run."""
    finished = progress["total"]["completed"] + current - progress["current"]["completed"]
    progress["current"] |= dict.fromkeys(_COUNTS, current)
    progress["total"] |= dict.fromkeys(_COUNTS, finished)


def _unfinished(progress: dict[str, Any]) -> None:
    """The first batch has begun, and nothing is finished."""
    for counts in (progress["current"], progress["total"]):
        counts |= {"ready": 1, "started": 1, "processed": 0, "completed": 0}
    progress["is_last_batch"] = False
