"""Where a run goes on, and whether its config allows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.slurm import job_of, queued_again
from p2o.errors import InputError
from p2o.policy.checkpoints.config_changes import changes, check_changes, check_epochs, line
from p2o.policy.checkpoints.place import place_in
from p2o.policy.checkpoints.reading import load_checkpoint, newest_checkpoint


def requested_checkpoint(
    ckpt_path: str | None, environment: Mapping[str, str], folder: Path, overwrite: bool = False
) -> str | None:
    """What --ckpt_path asks for; a job that SLURM has put into its queue again resumes the run that it began.

    It was begun by the same command, which may name the checkpoint that it began from, or the run that it replaced.

    Raises:
        InputError: It is a word that names no place to go on from, or the run's checkpoints are damaged.
    """
    if ckpt_path in ("hpc", "registry", "best"):
        raise InputError(f"p2o fit: expected `last` or a path for ckpt_path, got {ckpt_path!r}.")
    if ckpt_path == "last" or not queued_again(environment):
        return ckpt_path
    if ckpt_path is None and not overwrite:
        return "last"
    path = newest_checkpoint(folder)
    if path is None or not _begun_by(job_of(environment), path, ckpt_path):  # ended before it came to that
        return ckpt_path
    rank_zero_info(f"SLURM has queued this job again: it goes on from {path}, which it has written or begun with.")
    return "last"


def _begun_by(job: str, path: Path, ckpt_path: str | None) -> bool:
    """Whether a job has written the checkpoint at `path`, or has made it that of its run out of `ckpt_path`."""
    section = load_checkpoint(path, to_resume=True)["p2o_run"]
    if job and section.get("job") == job:  # earlier releases did not keep it
        return True
    return ckpt_path is not None and section["id"] == load_checkpoint(Path(ckpt_path), to_resume=True)["p2o_run"]["id"]


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
