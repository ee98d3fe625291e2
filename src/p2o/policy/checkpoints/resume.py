"""Where a run goes on, and whether its config allows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.slurm import queued_again
from p2o.errors import InputError
from p2o.policy.checkpoints.config_changes import changes, check_changes, check_epochs, line
from p2o.policy.checkpoints.place import place_in
from p2o.policy.checkpoints.reading import load_checkpoint, newest_checkpoint


def requested_checkpoint(ckpt_path: str | None, environment: Mapping[str, str]) -> str | None:
    """What --ckpt_path asks for; a job that SLURM has put into its queue again resumes the run that it began.

    Raises:
        InputError: It is a word that names no place to go on from.
    """
    if ckpt_path in ("hpc", "registry", "best"):
        raise InputError(f"p2o fit: expected `last` or a path for ckpt_path, got {ckpt_path!r}.")
    if ckpt_path is None and queued_again(environment):
        return "last"
    return ckpt_path


def checkpoint_path(ckpt_path: str | None, folder: Path, to_resume: bool = True) -> Path | None:
    """The file that --ckpt_path means, which is whole; None for a new run.

    Raises:
        InputError: It is damaged or no checkpoint; of `last` all are.
    """
    if ckpt_path is None:
        return None
    if ckpt_path != "last":
        load_checkpoint(Path(ckpt_path), to_resume)
        return Path(ckpt_path)
    path = newest_checkpoint(folder, to_resume)
    if path is None:
        rank_zero_info(f"There is no checkpoint in {folder}: the run begins.")
    return path


def check_resumed(path: Path, config: Mapping[str, Any]) -> None:
    """Compares the config of a run with the one in its checkpoint, and says what has changed.

    Raises:
        InputError: A setting could not take effect, or the run was to end before the checkpoint.
    """
    checkpoint = load_checkpoint(path, to_resume=True)
    place = place_in(checkpoint)
    check_epochs(config["trainer"]["max_epochs"], place)
    if "p2o_config" not in checkpoint:  # of a run from Python
        return
    found = changes(checkpoint["p2o_config"], config)
    check_changes(found, place)
    for name, values in found.items():
        rank_zero_info(f"changed since {path.name} was written: {line(name, values)}")
