"""Writes what a checkpoint holds, and sees that it can be read again."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from p2o.errors import InputError


class NotPlainError(InputError):
    """Something that is to be kept holds a class that no reader would load: pickles of foreign classes run code."""


def save_plain(content: dict[str, Any], path: Path) -> None:
    """Writes the content, and reads it once, as far as that needs no tensor.

    Raises:
        NotPlainError: It holds something else than numbers, texts, lists, dicts and tensors; every resumption would
            refuse the file.
    """
    torch.save(content, path)
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise NotPlainError(
            f"{path.name}: the checkpoint was not kept, since nobody could read it again: it holds "
            f"{_class_in(str(error))}. A state_dict must be made of numbers, texts, lists, dicts and tensors; change "
            "that of the part which this comes from."
        ) from error


def _class_in(message: str) -> str:
    """The class that torch refuses, out of what it says of it."""
    found = re.search(r"(?:GLOBAL|class|global) ([\w.]+\.\w+)", message)
    return found[1] if found else message.partition("\n")[0]
