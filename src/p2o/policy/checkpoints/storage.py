"""Writes checkpoints so that whatever interrupts it leaves the old one or the new one, and nothing in between."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.processes import on_first
from p2o.errors import InputError
from p2o.io.files import replacing, write_text
from p2o.io.folders import replacing_folder
from p2o.io.places import remove, settle
from p2o.policy.checkpoints.plain import NotPlainError, save_plain
from p2o.policy.checkpoints.reading import load_checkpoint


class WholeFiles(TorchCheckpointIO):
    """Stages a checkpoint beside its place, and has it on the disk before it takes that place.

    Lightning stages in TMPDIR, and copies into the place if that is another file system.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ANN401 (Lightning's signature)
        """Writes it, and says how large it is and how long that took.

        Raises:
            InputError: The disk is full or cannot be written to, or nobody could read what would be written; older
                checkpoints are as they were.
        """
        path = Path(path)
        started = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part:
                save_plain(checkpoint, part)
        except NotPlainError:
            raise
        except (OSError, RuntimeError, InputError) as error:  # RuntimeError: torch's for a full disk
            raise InputError(
                f"{path}: the checkpoint cannot be written: {str(error).partition(chr(10))[0]} Older checkpoints are "
                "as they were. Make space, and resume with --ckpt_path last."
            ) from error
        megabytes = path.stat().st_size / 1e6
        rank_zero_info(f"checkpoint {path.name}: {megabytes:,.1f} MB in {time.monotonic() - started:.1f} s")

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ANN401 (Lightning's signature)
        """Reads it with the checks of `load_checkpoint`; all processes read the one that the first found whole."""
        return load_checkpoint(on_first(lambda: Path(path)))

    def remove_checkpoint(self, path: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Removes a file or a folder; what is interrupted in it is removed by the next start."""
        part = Path(path).with_name(f".{Path(path).name}.part-{os.getpid()}")
        if Path(path).exists():
            os.replace(path, part)
            remove(part)


def link(path: Path, target: Path) -> Path:
    """The same checkpoint under a second name; a copy where there can be no link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        with replacing_folder(target) as part:
            for file in path.iterdir():
                _link(file, part / file.name)
    else:
        with replacing(target) as part:
            _link(path, part)
    return target


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def make_last(path: Path, last: Path, journal: Path, checkpoint: str) -> bool:
    """Has a run go on from a checkpoint: nothing of another way, or folder, must be left.

    The journal of an evolution that follows it comes along, so that nothing is paid for again.

    Args:
        path: The checkpoint.
        last: That from which the run would go on.
        journal: Where the run looks for it; one that belongs to the checkpoint is left, and may have more.
        checkpoint: Id of the checkpoint, which is in its journal.

    Returns:
        Whether the last one was another, or missing.
    """

    def belongs(file: Path) -> bool:
        return file.exists() and json.loads(file.read_text(encoding="utf-8"))["checkpoint"] == checkpoint

    if belongs(other := path.with_name(journal.name)) and not belongs(journal):
        journal.parent.mkdir(parents=True, exist_ok=True)
        write_text(journal, other.read_text(encoding="utf-8"))
    if last.exists() and last.samefile(path):
        return False
    link(path, last)
    return True


def sweep(root: Path) -> None:
    """Removes what killed processes of a run have left half-written; the lock of the folder keeps others away."""
    for path in list(root.rglob(".*.part-[0-9]*")):
        remove(path)
    settle(root)
