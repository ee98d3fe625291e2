"""Where the time of a run goes, told from the tasks that are open."""

import time
from collections.abc import Sequence

from p2o.progress.tasks import Display, Task

REFLECTION = "reflection"


class PhaseClock(Display):
    """Adds up seconds by phase; the phases partition the time since the clock was made.

    The phase is the title of the outermost task within the epoch's (rollouts, validation, evolution, ...). Reflection
    counts as a phase of its own, within evolution. While no such task is open, time counts as `phase_between`.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._phase = self._between = "other"
        self._since = time.monotonic()

    def changed(self, tasks: Sequence[Task]) -> None:
        """Goes over to the phase of the tasks that are open now."""
        titles = [task.title for task in tasks[1:]]
        self._go_over(REFLECTION if REFLECTION in titles else titles[0] if titles else self._between)

    def between_tasks(self, phase: str) -> None:
        """Names what is done from now on while no task is open within the epoch's."""
        inside = self._phase != self._between
        self._between = phase
        if not inside:
            self._go_over(phase)

    def seconds(self) -> dict[str, float]:
        """The seconds so far, by phase."""
        self._go_over(self._phase)
        return dict(self._seconds)

    def _go_over(self, phase: str) -> None:
        now = time.monotonic()
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now
