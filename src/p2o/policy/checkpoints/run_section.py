"""The section `p2o_run` of a checkpoint: where the run stands, and what Lightning leaves out of checkpoints."""

import os
from dataclasses import asdict
from typing import Any

from lightning import Trainer

from p2o.distributed.processes import gather, of_this_process
from p2o.distributed.slurm import job_of
from p2o.policy.checkpoints.epoch_means import (
    callback_metrics,
    epoch_means,
    restore_callback_metrics,
    restore_epoch_means,
)
from p2o.policy.checkpoints.place import Place


def run_section(trainer: Trainer, place: Place, stops: bool) -> dict[str, Any]:
    """What a resumed run goes on with, in plain types and tensors; every process asks for it.

    Args:
        trainer: Of the run.
        place: How far it has come.
        stops: Whether a callback has decided that no epoch comes after the one that has begun.
    """
    return {
        "place": asdict(place),
        "job": job_of(os.environ),
        "stops": place.within_epoch and stops,
        "metrics": callback_metrics(trainer),
        "epoch_means": gather(epoch_means(trainer)) if place.within_epoch else [],
    }


def restore_metrics(trainer: Trainer, section: dict[str, Any]) -> None:
    """Goes on with what the epoch had logged: called once the Trainer is ready to train, before its first step."""
    restore_callback_metrics(trainer, section["metrics"])
    if means := of_this_process(section["epoch_means"]):
        restore_epoch_means(trainer, means)


def keep_patience(trainer: Trainer, checkpoint: dict[str, Any]) -> None:
    """Has EarlyStopping go on with the patience of this run: it would take back that of the checkpoint, unsaid."""
    for callback in trainer.early_stopping_callbacks:
        if callback.state_key in checkpoint["callbacks"]:
            checkpoint["callbacks"][callback.state_key]["patience"] = callback.patience
