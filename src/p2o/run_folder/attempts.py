"""How long the starts of a run have lasted, those included that were killed."""

import time
from pathlib import Path

from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.run_folder.readers import read_json

EVERY = 10.0  # seconds between two notes: what a kill can hide at most


class Attempts:
    """Keeps `attempts.json`: when each start of the run began, and for how long it was seen alive.

    Args:
        path: The file. Nothing is noted before `begin`, so that a start that is refused changes nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before: list[dict[str, float]] = []
        self._clock = self._noted = time.monotonic()
        self._began = round(time.time(), 1)
        self._counts = False

    def begin(self, goes_on: bool) -> None:
        """This start counts, from the first call on.

        Args:
            goes_on: Whether it goes on with the earlier starts that the file has, or begins a new list.

        Raises:
            InputError: The file is not such a list.
        """
        if goes_on and not self._counts and self.path.is_file():
            self._before = _read(self.path)
        self._counts = True

    def note(self, at_once: bool = False) -> None:
        """Notes that this start is alive, now and then or at once."""
        if self._counts and (at_once or time.monotonic() - self._noted >= EVERY):
            self._noted = time.monotonic()
            write_json(self.path, {"attempts": [*self._before, {"began": self._began, "seconds": self._lasted()}]})

    @property
    def count(self) -> int:
        """How often the run was started."""
        return len(self._before) + 1

    @property
    def seconds(self) -> float:
        """How long all starts have lasted together."""
        return sum(attempt["seconds"] for attempt in self._before) + self._lasted()

    def _lasted(self) -> float:
        return round(time.monotonic() - self._clock, 2)


def _read(path: Path) -> list[dict[str, float]]:
    match read_json(path):
        case {"attempts": [*attempts]} if all(isinstance(attempt, dict) for attempt in attempts):
            if all(isinstance(attempt.get("seconds"), int | float) for attempt in attempts):
                return list(attempts)
    raise InputError(f"{path}: expected the list of a run's starts. Delete the file; goodput then counts from here on.")
