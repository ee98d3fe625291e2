"""Reads checkpoints of `p2o fit`, and refuses those that are damaged, incomplete or of something else."""

import pickle
import struct
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from p2o.errors import InputError
from p2o.io.places import ASIDE, proper, standing
from p2o.policy.checkpoints.folder import MANIFEST, read_folder
from p2o.policy.checkpoints.shards import ShardedTensors

FORMAT = 1
"""Of what a checkpoint holds; a release that cannot read what an older one wrote counts it up."""

RESUMED = ("loops", "callbacks", "optimizer_states", "lr_schedulers", "MixtureDataModule", "p2o_run")
"""Sections that a run is resumed from, besides its weights."""

# What zipfile and torch.load raise on a file that was cut off or whose bytes are damaged.
_UNREADABLE = (
    zipfile.BadZipFile,
    RuntimeError,
    OSError,
    EOFError,
    pickle.UnpicklingError,
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)


def load_checkpoint(path: Path, to_resume: bool = False) -> dict[str, Any]:
    """A checkpoint of `p2o fit`, its tensors on the CPU and read from the file when they are used.

    Args:
        path: The file, or the folder of shards.
        to_resume: Whether a run goes on from it, which takes more than the weights.

    Raises:
        InputError: There is no such file, it was cut off or damaged, or something else than this p2o wrote it.
    """
    path = standing(path)
    if not path.exists():
        raise InputError(f"{path}: expected a checkpoint, there is no such file.")
    if path.is_dir() and not (path / MANIFEST).exists():
        raise InputError(f"{path}: expected a checkpoint, there is a folder without a {MANIFEST}.")
    try:
        checkpoint = read_folder(path) if path.is_dir() else _read_file(path)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: expected a checkpoint of p2o fit, this cannot be read as one. It is cut off, damaged or "
            f"something else; take an earlier checkpoint. The reason: {type(error).__name__}: {reason}"
        ) from error
    match checkpoint:
        case {"state_dict": {}, "p2o": {"model": str(), "config": {}} as section}:
            check_format(path, section)
            missing = [name for name in RESUMED if to_resume and name not in checkpoint]
            if not missing:
                return dict(checkpoint)
            raise InputError(
                f"{path}: expected a checkpoint that a run can go on from, this one lacks {', '.join(missing)}. Was it "
                "written with save_weights_only? `p2o test` and `p2o export` can use it."
            )
    raise InputError(f"{path}: expected a checkpoint of p2o fit, another program has written this file.")


def _read_file(path: Path) -> Any:  # noqa: ANN401 (whatever a file holds)
    check_sums(path, path.stat().st_size, path.stat().st_mtime_ns)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


@lru_cache
def check_sums(path: Path, size: int, mtime_ns: int) -> None:
    """Compares each part of the file with its check sum, which torch writes and does not read.

    Without it a flipped bit in a weight would be trained on. `size` and `mtime_ns` make it once for each content.

    Raises:
        BadZipFile: Names the part that is damaged, or it is no checkpoint at all.
    """
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"the check sum of {damaged} is wrong")


def check_format(path: Path, section: Mapping[str, Any]) -> None:
    """Refuses a checkpoint that another release of p2o must read.

    Raises:
        InputError: Names the release that wrote it.
    """
    if section.get("format") != FORMAT:
        from p2o import __version__

        wrote = section.get("version", "of before 0.1.0")
        raise InputError(
            f"{path}: expected a checkpoint of format {FORMAT}, which p2o {__version__} reads; this one is of format "
            f"{section.get('format', 0)}, written by p2o {wrote}. Go on with that release (pip install p2o==VERSION), "
            "or `p2o export` with it and begin a new run from the exported model."
        )


def newest_checkpoint(folder: Path, to_resume: bool = True) -> Path | None:
    """The checkpoint that a run goes on from with `--ckpt_path last`: `last.ckpt`, or the newest one that is whole.

    None if there is none at all.

    Those that are damaged are named in a warning and left where they are.

    Raises:
        InputError: There are checkpoints, and all of them are damaged.
    """
    problems: list[str] = []
    # `last.ckpt` first: after a run has gone back, an epoch of the way that was left may have been written later.
    there = {proper(path) for pattern in ("*.ckpt", f".*.ckpt{ASIDE}") for path in folder.glob(pattern)}
    ages = {standing(path): (path.stem == "last", standing(path).stat().st_mtime_ns) for path in there}
    found = sorted(ages, key=lambda path: ages[path], reverse=True)
    for path in found:
        try:
            load_checkpoint(path, to_resume)
        except InputError as error:
            problems.append(str(error))
            continue
        if problems:
            rank_zero_warn(
                "\n".join([*problems, f"{path} is the newest checkpoint that is whole: going on from there."])
            )
        return path
    if problems:
        raise InputError("\n".join([*problems, f"{folder}: expected a checkpoint that is whole, there is none."]))
    return None


def check_weights(checkpoint: Mapping[str, Any], model: str, state: Mapping[str, Tensor]) -> None:
    """Refuses weights that are not those of `model`, whose own are `state`.

    Raises:
        InputError: Names the first tensor that differs in shape.
    """
    adapters = any(".lora_" in name for name in state)
    expected = {name: tuple(tensor.shape) for name, tensor in state.items() if not adapters or ".lora_" in name}
    weights = checkpoint["state_dict"]
    if isinstance(weights, ShardedTensors):
        found = weights.shapes
    else:
        found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        odd = min(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise InputError(
            f"The checkpoint belongs to another config: model.model is {model!r}, it was made from "
            f"{checkpoint['p2o']['model']!r}. The first difference is {odd}: expected shape {expected.get(odd)}, "
            f"found {found.get(odd)}."
        )
