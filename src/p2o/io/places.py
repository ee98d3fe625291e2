"""How a staged file or folder takes its place, and where to look for what was interrupted in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASIDE = ".aside"


def put_in_place(part: Path, path: Path) -> None:
    """Puts a staged file or folder where an older one may be; a crash leaves the old or the new one.

    A file takes the place of a file at once. No system renames onto a folder that holds something: so the old one goes
    aside, the new one comes in, and the old one is removed. Whoever reads in between finds it by `standing`.
    """
    old = aside(path)
    if path.is_dir() or (path.exists() and part.is_dir()):
        remove(old)  # left by an earlier replacement, whose new one stands
        os.replace(path, old)
    os.replace(part, path)
    to_disk(path.parent)
    remove(old)


def aside(path: Path) -> Path:
    """Where what stands at `path` goes while it is replaced."""
    return path.with_name(f".{path.name}{ASIDE}")


def standing(path: Path) -> Path:
    """Where the content of `path` lies: aside, if a process has ended in the middle of replacing it."""
    return path if path.exists() or not aside(path).exists() else aside(path)


def proper(path: Path) -> Path:
    """The name that something has which `standing` may have found aside."""
    return path.with_name(path.name[1 : -len(ASIDE)]) if path.name.endswith(ASIDE) else path


def settle(root: Path) -> None:
    """Ends below `root` what interrupted replacements have left aside; no other process may write there."""
    for old in list(root.rglob(f".*{ASIDE}")):
        if proper(old).exists():
            remove(old)
        else:
            os.replace(old, proper(old))


def remove(path: Path) -> None:
    """Removes a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Has an `OSError` that names no file, as those of a write do not, name this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def to_disk(path: Path) -> None:
    """Has the system write a file, or the names in a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
