"""Folders whose modules a config may name, in this process and in the runs that it starts."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "P2O_IMPORTABLE"  # such folders, as in PATH, for a process that another one starts

_added: list[str] = []


def make_importable(folders: Iterable[Path]) -> None:
    """Adds folders to Python's path, and those that the environment names.

    They come last, so that a file there never takes the place of an installed package.
    """
    inherited = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    for folder in [*map(str, folders), *inherited]:
        if folder not in sys.path:
            sys.path.append(folder)
        if folder not in _added:
            _added.append(folder)


def environment() -> dict[str, str]:
    """What makes the same folders importable in a run that this process starts."""
    return {VARIABLE: os.pathsep.join(_added)}
