"""Folders whose modules a config may name, in this process and in the runs that it starts."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from p2o.errors import InputError

VARIABLE = "P2O_IMPORTABLE"  # such folders, as in PATH, for a process that another one starts

_added: list[str] = []


def make_importable(folders: Iterable[Path]) -> None:
    """Adds folders to Python's path, and those that the environment names.

    They come last, so that a file there never takes the place of an installed package.

    Raises:
        InputError: A folder has a module of the same name as one that is loaded: Python would take that one.
    """
    inherited = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    for folder in [*map(str, folders), *inherited]:
        if folder not in _added:
            _check_names(Path(folder))
            _added.append(folder)
        if folder not in sys.path:
            sys.path.append(folder)


def environment() -> dict[str, str]:
    """What makes the same folders importable in a run that this process starts."""
    return {VARIABLE: os.pathsep.join(_added)}


def _check_names(folder: Path) -> None:
    """Compares a folder with the modules that configs have already named; others of one name harm nobody."""
    for module in sorted(folder.glob("*.py")):
        loaded = Path(getattr(sys.modules.get(module.stem), "__file__", None) or module)
        if str(loaded.parent) in _added and loaded.is_file() and loaded.read_bytes() != module.read_bytes():
            raise InputError(
                f"{module}: Python has {loaded} under this name, and a config that names {module.stem} would get that "
                "one's classes. Rename one of the two, or use them in processes of their own."
            )
