"""Ends a run whose reflection cannot go on, so that it can be resumed where it ended."""

from pathlib import Path
from typing import NoReturn

from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from p2o.errors import InputError


def stop_at_evolution(trainer: Trainer, failure: str) -> NoReturn:
    """Saves a checkpoint between two epochs, and ends the run.

    ModelCheckpoint alone would not do: it need not save in every epoch, and never does before the first batch.

    Raises:
        InputError: Always: what failed, and how to go on.
    """
    checkpoint = trainer.checkpoint_callback
    folder = checkpoint.dirpath if isinstance(checkpoint, ModelCheckpoint) else None
    path = Path(folder or Path(trainer.default_root_dir) / "checkpoints") / "last.ckpt"
    trainer.save_checkpoint(path)
    raise InputError(
        f"{failure} Nothing is lost: {path} has the epoch and all that its evolution found so far. When its cause is "
        f"gone, the same command with --ckpt_path {path} goes on there; with --evolution.on_failure continue it goes "
        "on without a new bank."
    )
