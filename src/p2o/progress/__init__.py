"""Live progress: nested tasks, one display for all of them."""

from p2o.progress.display import Style, show
from p2o.progress.phase_clock import PhaseClock
from p2o.progress.tasks import Display, Task, task, track, watched_by

show("auto")  # until someone decides otherwise

__all__ = ["Display", "PhaseClock", "Style", "Task", "show", "task", "track", "watched_by"]
