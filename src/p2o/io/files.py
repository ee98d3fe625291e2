"""Files that an interrupted write cannot damage."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from p2o.errors import InputError
from p2o.io.places import put_in_place, to_disk

# Half of a surrogate pair, which JSON can bring into a text and UTF-8 cannot hold, is written as `\\ud800`: JSON reads
# this as the same half again.
LONE_SURROGATES = "backslashreplace"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` at the end: readers see the old or the new file.

    It is on the disk before it takes that place, so that a machine that loses its power leaves one of both as well.

    Raises:
        InputError: The folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        yield part
        to_disk(part)
        put_in_place(part, path)
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes an object as indented JSON, which takes the place of an older file at once."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, which takes the place of an older one at once."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors=LONE_SURROGATES)


def check_writable(folder: Path) -> None:
    """Refuses an output folder that cannot be made or written to, before anything is spent.

    Raises:
        InputError: Names the folder and what the system says.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".writable-"):  # containers of several nodes share process ids
            pass
    except OSError as error:
        raise InputError(
            f"trainer.default_root_dir: expected a folder that can be written to, {str(folder)!r} is not: "
            f"{error.strerror}. Choose another with --trainer.default_root_dir."
        ) from error
