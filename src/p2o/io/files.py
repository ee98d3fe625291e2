"""Files that an interrupted write cannot damage."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p2o.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` at the end: readers see the old or the new file.

    Raises:
        InputError: The folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """An object as JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """A text as UTF-8."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def check_writable(folder: Path) -> None:
    """Refuses an output folder that cannot be made or written to, before anything is spent.

    Raises:
        InputError: Names the folder and what the system says.
    """
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"trainer.default_root_dir: expected a folder that can be written to, {str(folder)!r} is not: "
            f"{error.strerror}. Choose another with --trainer.default_root_dir."
        ) from error
