"""A callback that stops a run within an epoch: the epoch is finished first."""

from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn


def hold_stop(trainer: Trainer) -> bool:
    """Takes back what a callback has set in the middle of an epoch, `trainer.should_stop`; tells whether one has.

    Lightning would end the epoch there, as if it were whole: its other questions would never be asked, and a hard set,
    a summary and a checkpoint be made of those that were.
    """
    asked, batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready, trainer.num_training_batches
    if not trainer.should_stop or asked >= batches:
        return False
    trainer.should_stop = False
    rank_zero_warn(
        f"A callback has set trainer.should_stop after batch {asked - 1} of epoch {trainer.current_epoch}: the run "
        f"stops at the end of this epoch, which has {batches:g} batches. To end it at once, so that it can be resumed "
        "there, send it SIGTERM."
    )
    return True


def stop_as_decided(trainer: Trainer) -> None:
    """Stops a run that was to stop before the end of its epoch, or when its checkpoint was written.

    Who decided it is not asked again.

    Called at the end of the epoch: if it was stopped earlier, Lightning would leave out that end.
    """
    trainer.should_stop = True
    rank_zero_info("A callback had asked the run to stop with this epoch: it does.")
