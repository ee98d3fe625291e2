"""Reads checkpoints of `p2o fit`."""

import pickle
from pathlib import Path
from typing import Any

import torch

from p2o.errors import InputError

# What torch.load raises on a file that was cut off (the first two), and on one with damaged bytes in its pickle.
_UNREADABLE = (
    RuntimeError,
    OSError,
    EOFError,
    pickle.UnpicklingError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of `p2o fit`, its tensors on the CPU and read from the file when they are used.

    Raises:
        InputError: There is no such file, it was cut off or damaged, or something else than p2o wrote it.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a checkpoint, there is {'a folder' if path.is_dir() else 'no such file'}.")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: expected a checkpoint of p2o fit, this file cannot be read as one. It is cut off, damaged or "
            f"something else; take an earlier checkpoint. torch says: {type(error).__name__}: {reason}"
        ) from error
    match checkpoint:
        case {"state_dict": {}, "p2o": {"model": str(), "config": {}}}:
            return dict(checkpoint)
    raise InputError(f"{path}: expected a checkpoint of p2o fit, another program has written this file.")
