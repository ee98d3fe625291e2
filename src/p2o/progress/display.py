"""The displays: bars in a terminal and in a notebook, now and then a line in a log file, or nothing."""

import importlib.util
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Event, RLock, Thread
from typing import Any, Literal

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from p2o.progress.tasks import Display, Task, use

WIDE = 100  # characters of a terminal in which long bars have room
Style = Literal["auto", "bars", "lines", "off"]


class Off(Display):
    """The display that shows nothing at all."""

    def changed(self, tasks: Sequence[Task]) -> None:
        """Takes no notice of the tasks."""


class Lines(Display):
    """A line on stderr now and then, for log files.

    Args:
        seconds: Between two lines, at least.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last = time.monotonic()

    def changed(self, tasks: Sequence[Task]) -> None:
        """Writes a line if the last one is old enough."""
        if tasks and time.monotonic() - self._last >= self.seconds:
            self._last = time.monotonic()
            print(line(tasks), file=sys.stderr, flush=True)


class Bars(Display):
    """A bar for each open task, redrawn in place; they vanish with the last task.

    rich's own `Progress` redraws two nested bars as cleanly (five times 400 printed lines in a terminal of 80 columns:
    none lost, no bar left behind, here as there), but knows neither the notes below the bars nor that lines in a log
    file, a notebook and the clock of the phases show the same tasks: those would be told of everything twice.

    Args:
        seconds: Between two drawings: without news too, so that the time left counts down.
    """

    def __init__(self, seconds: float = 0.25) -> None:
        self.seconds = seconds
        self._tasks: Sequence[Task] = ()
        self._live = ExitStack()
        self._shown = False

    def changed(self, tasks: Sequence[Task]) -> None:
        """Starts and ends the live display; it redraws itself in between, from a thread of its own."""
        self._tasks = tasks
        if tasks and not self._shown:
            self._live.enter_context(self._drawn())
        elif not tasks and self._shown:
            self._live.close()
        self._shown = bool(tasks)

    @contextmanager
    def _drawn(self) -> Iterator[None]:
        console, stop = SerialConsole(stderr=True), Event()
        live = Live(
            console=console,
            get_renderable=lambda: bars(self._tasks, console.width),
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # a file gets what is printed; only a terminal must make room
        )

        def redraw() -> None:
            while not stop.wait(self.seconds):
                with console.turn:
                    live.refresh()

        thread, stderr = Thread(target=redraw, daemon=True), sys.stderr
        with console.turn:
            live.start()
        thread.start()
        try:
            with _logs_to(stderr):
                yield
        finally:
            stop.set()
            thread.join()
            live.stop()


class SerialConsole(Console):
    """One print at a time: rich lets a redrawing slip into a print, which leaves a copy of the bars behind."""

    def __init__(self, stderr: bool) -> None:
        self.turn = RLock()
        super().__init__(stderr=stderr)

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 (rich's signature)
        """Prints when no redrawing is under way."""
        with self.turn:
            super().print(*objects, **options)


def show(style: Style, seconds: float = 60.0) -> None:
    """Chooses the display of this process.

    Args:
        style: `bars`, `lines`, `off`; `auto` takes bars in a terminal or a notebook, lines anywhere else.
        seconds: Between two lines, at least.
    """
    if style == "auto":
        style = "bars" if _can_redraw() else "lines"
    displays: dict[Style, Callable[[], Display]] = {"bars": Bars, "lines": lambda: Lines(seconds), "off": Off}
    use(displays[style]())


def bars(tasks: Sequence[Task], width: int) -> Group:
    """Title, bar, count, rate and time left of each task, the inner ones indented; below them what tasks note.

    Each has one line, however narrow the terminal: a line that broke would make the bars jump.

    Args:
        tasks: From the outermost to the innermost.
        width: Of the terminal in characters.
    """
    table = Table.grid(padding=(0, 1))
    for widest in (24, None, None, None):
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=widest)
    for depth, task in enumerate(tasks):
        bar = ProgressBar(task.total, task.done, width=24 if width >= WIDE else 8) if task.total else ""
        table.add_row(Text("  " * depth + task.title), bar, Text(task.count), Text(task.pace, style="dim"))
    notes = [Text(task.note, style="dim", no_wrap=True, overflow="ellipsis") for task in tasks if task.note]
    return Group(table, *notes)


def line(tasks: Sequence[Task]) -> str:
    """All tasks in one line, the outermost first."""
    parts = [[task.title, task.count, task.pace and f"({task.pace})", task.note] for task in tasks]
    return " › ".join(" ".join(filter(None, part)) for part in parts)


def _can_redraw() -> bool:
    if Console(stderr=True).is_jupyter:
        return importlib.util.find_spec("ipywidgets") is not None
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"  # rich would believe FORCE_COLOR, and fill logs


@contextmanager
def _logs_to(stderr: object) -> Iterator[None]:
    """Log records go above the bars: handlers that hold the stderr of before the bars get the present one."""
    loggers = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    handlers = [
        handler
        for logger in [logging.root, *loggers]
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is stderr
    ]
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(stderr)
