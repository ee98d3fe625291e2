"""Rows that wait in a file until all of them are there."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.files import replacing

Key = tuple[str | int, ...]  # orders the rows; the first row of a key counts


class RowSpool:
    """Collects rows in a temporary file, so that memory holds their keys alone, and gives them back in order.

    Args:
        path: The temporary file. It takes the place of what an interrupted run left there: a spool that was not closed
            keeps the old file, and its last rows, which reach the disk when Python lets go of it, never mix with these.
        size: Bytes of it that a resumed run goes on with, as `size` gave them; the file has at least so many.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        self._offsets: dict[Key, int] = {}
        with _one_message(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as new:
                self._file = new.open("w+b")
                if size:
                    self._copy(path, size)

    def _copy(self, path: Path, size: int) -> None:
        with path.open("rb") as old:
            while self._file.tell() < size:
                line = old.readline()
                self._offsets[tuple(json.loads(line)[0])] = self._file.tell()
                self._file.write(line)
        self._file.flush()

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, key: Key, row: Mapping[str, Any]) -> None:
        """Keeps a row unless there is one of this key."""
        if key not in self._offsets:
            with _one_message(self.path):
                self._offsets[key] = self._file.seek(0, 2)
                self._file.write(json.dumps([key, row]).encode() + b"\n")

    @property
    def size(self) -> int:
        """Bytes of all rows so far, which are on the disk."""
        with _one_message(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._file.seek(0, 2)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows in the order of their keys."""
        for key in sorted(self._offsets):
            self._file.seek(self._offsets[key])
            yield json.loads(self._file.readline())[1]

    def close(self) -> None:
        """Ends the collection; the file stays until it is deleted."""
        with suppress(OSError):  # of a full disk, where the last rows cannot be written
            self._file.close()

    def delete(self) -> None:
        """Ends the collection and deletes the temporary file."""
        self.close()
        self.path.unlink(missing_ok=True)


@contextmanager
def _one_message(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be written: {error.strerror or error}.") from error
