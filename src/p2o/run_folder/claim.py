"""Claims the folder of a run: one run in a folder, and one process that trains in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from p2o.errors import InputError
from p2o.io.files import check_writable

LOCK = ".run.lock"
"""Locked by the operating system while a process trains: nothing of it is left when that process is killed."""

MARKS = ("config.yaml", "summary.json", "checkpoints/*.ckpt")
"""What a run leaves in its folder."""


@contextmanager
def claimed(root: Path, ckpt_path: str | None, overwrite: bool) -> Iterator[None]:
    """Keeps the folder of a run for this process alone.

    Args:
        root: The folder, which exists.
        ckpt_path: The checkpoint that the run goes on from, as `p2o fit --ckpt_path` takes it.
        overwrite: Move a run that is in the folder aside, and begin another one.

    Raises:
        InputError: Another process trains in the folder, or it holds a run that this one does not go on with.
    """
    if overwrite and ckpt_path:
        raise InputError("p2o fit: expected --ckpt_path (resume) or --overwrite (begin anew), got both.")
    with _locked(root):
        if not occupied(root) or resumes(root, ckpt_path):
            yield
            return
        aside = _aside(root)
        if not overwrite:
            raise InputError(
                f"{root}: expected a folder without a run, this one holds {', '.join(occupied(root))}. Resume that run "
                "with --ckpt_path last, choose another folder with --trainer.default_root_dir FOLDER, or begin anew "
                f"with --overwrite, which moves the old run to {aside}."
            )
        _move(root, aside)
    with _locked(root):
        yield


@contextmanager
def claimed_from_python(root: Path, ckpt_path: str | Path | None) -> Iterator[None]:
    """Keeps the folder of a run whose Trainer was made in Python for this process alone.

    Args:
        root: The folder; it is made if there is none.
        ckpt_path: The checkpoint that the run goes on from, as `Trainer.fit` takes it.

    Raises:
        InputError: Another process trains in the folder, or it holds a run that this one does not go on with.
    """
    check_writable(root)
    with _locked(root):
        if occupied(root) and not resumes(root, ckpt_path):
            raise InputError(
                f"{root}: expected a folder without a run, this one holds {', '.join(occupied(root))}. Resume that run "
                'with fit(..., ckpt_path="last"), or give p2o.trainer another folder.'
            )
        yield


def occupied(root: Path) -> list[str]:
    """What of a run lies in a folder; empty if there is none."""
    return [mark.partition("/")[0] for mark in MARKS if any(root.glob(mark))]


def resumes(root: Path, ckpt_path: str | Path | None) -> bool:
    """Whether a run goes on with the one in its folder."""
    if ckpt_path == "last":
        return True
    return ckpt_path is not None and root.resolve() in Path(ckpt_path).resolve().parents


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = FileLock(root / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"{root}: another process trains in this folder. Wait until it has ended, or choose another folder with "
            "--trainer.default_root_dir FOLDER."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _aside(root: Path) -> Path:
    root, number = root.resolve(), 1
    while (path := root.with_name(f"{root.name}.old-{number}")).exists():
        number += 1
    return path


def _move(root: Path, aside: Path) -> None:
    """Moves the whole folder, and makes a new one in its place."""
    if Path.cwd().is_relative_to(root.resolve()):
        raise InputError(
            f"{root}: --overwrite would move the working folder. Give runs a folder of their own with "
            "--trainer.default_root_dir FOLDER."
        )
    try:
        os.rename(root, aside)
        root.mkdir()
    except OSError as error:
        raise InputError(f"{root}: expected a folder that can be moved to {aside}: {error.strerror}.") from error
    print(f"Moved the run in {root} to {aside}.")
