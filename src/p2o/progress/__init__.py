"""Live progress: nested tasks, one display for all of them."""

from p2o.progress.display import Style, show
from p2o.progress.tasks import Task, task, track

show("auto")  # until someone decides otherwise

__all__ = ["Style", "Task", "show", "task", "track"]
