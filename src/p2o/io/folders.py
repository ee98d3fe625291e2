"""Folders that appear when they are complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2o.errors import InputError
from p2o.io.places import put_in_place, remove, to_disk


@contextmanager
def new_folder(out: Path, content: str) -> Iterator[Path]:
    """A folder to write into, which becomes `out` at the end; an interruption leaves nothing at `out`.

    Args:
        out: It must not exist, or be an empty folder.
        content: What it is for, as a message names it: "the model".

    Raises:
        InputError: `out` holds something already, or cannot be written.
    """
    check_new(out, content)
    out = out.expanduser().resolve()
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, out)
    except OSError as error:
        raise InputError(f"{out}: expected a folder that can be written to: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` at the end: readers find the old or the new one by `standing`.

    Its files are on the disk before it takes that place.
    """
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        remove(part)
        part.mkdir()
        yield part
        for file in (*part.iterdir(), part):
            to_disk(file)
        put_in_place(part, path)
    except OSError as error:
        raise InputError(f"{path}: expected a folder that can be written to: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_new(out: Path, content: str) -> None:
    """Refuses an output folder that holds something: for work that should not begin in vain.

    Raises:
        InputError: `out` is a file or a folder that is not empty.
    """
    out = out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out}: expected a new or an empty folder for {content}, this is a file or holds something. Choose "
            "another, or move it away."
        )
