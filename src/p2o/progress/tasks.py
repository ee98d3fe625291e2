"""What is being done at the moment: a stack of tasks, which displays show."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


class Task:
    """Work with a title, and how much of it is done.

    Args:
        title: Of the work.
        total: Units of work; 0 if nobody knows.
        unit: What is counted, in the singular.
        done: Units that were done before, by the run that is resumed.
    """

    def __init__(self, title: str, total: int, unit: str, done: int = 0) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.units = f"{unit}es" if unit.endswith("ch") else f"{unit}s"
        self.done = done
        self.note = ""  # what it came to so far, in a few words
        self._before = done
        self._started = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """Counts `count` more units as done."""
        self.done += count
        changed()

    @property
    def rate(self) -> float:
        """Units per second since the task began."""
        return (self.done - self._before) / max(time.monotonic() - self._started, 1e-9)

    @property
    def count(self) -> str:
        """How much is done, such as "7/16 steps"."""
        if not self.total:
            return f"{self.done} {self.units}" if self.done else ""
        return f"{self.done}/{self.total} {self.units}"

    @property
    def pace(self) -> str:
        """Rate and time left, such as "3.2 rollouts/s, 0:00:41 left"; empty before the first unit."""
        if not self.rate:
            return ""
        pace = f"{self.rate:.1f} {self.units}/s" if self.rate >= 1 else f"{1 / self.rate:.1f} s/{self.unit}"
        left = timedelta(seconds=round(max(0, self.total - self.done) / self.rate))
        return f"{pace}, {left} left" if self.total else pace


class Display(ABC):
    """Shows the open tasks to whoever watches the run."""

    @abstractmethod
    def changed(self, tasks: Sequence[Task]) -> None:
        """Called when a task begins, advances or ends, with all open tasks, the outermost first."""


_open: list[Task] = []  # of this process: engines and reflectors do not know what they are a part of
_displays: list[Display] = []  # at most one
_watchers: list[Display] = []  # that look on beside it


def changed() -> None:
    """Tells the display that a task has begun, advanced or ended."""
    for display in (*_displays, *_watchers):
        display.changed(tuple(_open))


def use(display: Display) -> None:
    """Shows the tasks on this display from now on, and clears the one before."""
    for old in _displays:
        old.changed(())
    _displays[:] = [display]


@contextmanager
def watched_by(watcher: Display) -> Iterator[None]:
    """Tells this watcher of the tasks as well, within the `with` block."""
    _watchers.append(watcher)
    watcher.changed(tuple(_open))
    try:
        yield
    finally:
        _watchers.remove(watcher)


@contextmanager
def task(title: str, total: int = 0, unit: str = "step", done: int = 0) -> Iterator[Task]:
    """A task that is open within the `with` block, inside of those that are open already."""
    opened = Task(title, total, unit, done)
    _open.append(opened)
    changed()
    try:
        yield opened
    finally:
        _open.remove(opened)
        changed()


def track(items: Sequence[T], title: str, unit: str) -> Iterator[T]:
    """The items, as a task that advances with each."""
    with task(title, len(items), unit) as opened:
        for item in items:
            yield item
            opened.advance()
