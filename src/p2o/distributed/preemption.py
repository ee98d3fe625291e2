"""Signals that ask a run to end: they wait for a place from which it can be resumed."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PREEMPTED = 75
"""Exit status of a run that a signal has ended and that can be resumed: EX_TEMPFAIL of sysexits.h, "try again"."""

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""A time limit or a better job (SIGTERM), SLURM ahead of its time limit (SIGUSR1), and Ctrl-C (SIGINT)."""


class Preempted(BaseException):
    """A signal has asked the run to end, and all that it has done can be in a checkpoint.

    It is no `Exception`, so that nothing on its way takes it for a failure of its own.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        self.place = "before it has trained"  # said by who saves the checkpoint
        super().__init__(self.signal.name)

    @property
    def exit_status(self) -> int:
        """130 after Ctrl-C, as shells have it, else `PREEMPTED`."""
        return 130 if self.signal == signal.SIGINT else PREEMPTED


_received: int = 0  # the first signal; 0: none
_depth: int = 0  # of interruptible work


def listen() -> None:
    """Takes over the signals that ask a run to end, whoever handled them before; only a main thread can.

    The first of them waits for interruptible work or for the next safe point. A second Ctrl-C ends the run at once.
    """
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _handle)


def forget() -> None:
    """Forgets what has been received, before another run in the same process."""
    global _received, _depth
    _received, _depth = 0, 0


def requested() -> int:
    """The signal that has asked this process to end; 0 if there was none."""
    return _received


@contextmanager
def interruptible() -> Iterator[None]:
    """Work that a signal may end at once, since a checkpoint that is written then holds nothing of it.

    Raises:
        Preempted: A signal came before or meanwhile.
    """
    global _depth
    if _received:
        raise Preempted(_received)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within interruptible work: what all processes do together, and a signal to one of them waits for.

    Raises:
        Preempted: A signal came meanwhile, and the work around it is interruptible.
    """
    global _depth
    depth, _depth = _depth, 0
    try:
        yield
    finally:
        _depth = depth
    if depth and _received:
        raise Preempted(_received)


def _handle(number: int, frame: FrameType | None) -> None:
    global _received
    if _received:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        return
    _received = number
    hint = " Ctrl-C again ends it at once." if number == signal.SIGINT else ""
    # Not `print`: the signal may have come in the middle of one.
    os.write(2, f"\np2o: {signal.Signals(number).name}: ending at the next safe point.{hint}\n".encode())
    if _depth:
        raise Preempted(number)
