"""Rows that wait in a file until all of them are there."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from p2o.errors import InputError

Key = tuple[str | int, ...]  # orders the rows; the first row of a key counts


class RowSpool:
    """Collects rows in a temporary file, so that memory holds their keys alone, and gives them back in order.

    Args:
        path: The temporary file. What an interrupted run left there is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets: dict[Key, int] = {}
        with _one_message(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w+b")

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, key: Key, row: Mapping[str, Any]) -> None:
        """Keeps a row unless there is one of this key."""
        if key not in self._offsets:
            with _one_message(self.path):
                self._offsets[key] = self._file.seek(0, 2)
                self._file.write(json.dumps(row).encode() + b"\n")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows in the order of their keys."""
        for key in sorted(self._offsets):
            self._file.seek(self._offsets[key])
            yield json.loads(self._file.readline())

    def close(self) -> None:
        """Ends the collection and deletes the temporary file."""
        with suppress(OSError):  # of a full disk, where the last rows cannot be written
            self._file.close()
        self.path.unlink(missing_ok=True)


@contextmanager
def _one_message(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be written: {error.strerror or error}.") from error
