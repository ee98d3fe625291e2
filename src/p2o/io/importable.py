"""Folders whose modules a config may name, in this process and in the runs that it starts."""

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from p2o.errors import InputError

VARIABLE = "P2O_IMPORTABLE"  # such folders, as in PATH, for a process that another one starts

_added: list[str] = []
_seen: dict[Path, tuple[object, str]] = {}  # how a module was loaded, None before; the digest of its file by then


def make_importable(folders: Iterable[Path]) -> None:
    """Adds folders to Python's path, and those that the environment names.

    They come last, so that a file there never takes the place of an installed package.

    Raises:
        InputError: A folder has a module of the same name as one that is loaded, or one that was edited since it was
            loaded: Python would take what is loaded.
    """
    inherited = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    for folder in [*map(str, folders), *inherited]:
        if folder not in _added:
            _check_names(Path(folder))
            _added.append(folder)
        _check_edited(Path(folder))
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


def _check_edited(folder: Path) -> None:
    """Compares the files of a folder with what they were when Python loaded them, as far as anybody looked."""
    for path in sorted(folder.glob("*.py")):
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:  # a broken link, or a folder: Python cannot load it either
            continue
        module = sys.modules.get(path.stem)
        ours = Path(getattr(module, "__file__", None) or "").resolve() == path.resolve()
        loaded = getattr(module, "__spec__", None) if ours else None  # another object after importlib.reload
        before, known = _seen.get(path, (loaded, digest))
        if loaded is None or (before is not None and before is not loaded):  # two specs are equal, hence `is`
            known = digest
        _seen[path] = (loaded, known)
        if digest != known:
            raise InputError(
                f"{path}: expected the file that Python has loaded, it was edited since, and a run would use the old "
                f"code. Restart the process (in a notebook, restart the kernel), or call importlib.reload({path.stem})."
            )
