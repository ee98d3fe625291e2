"""Runs a coroutine in a thread of its own for code that is none, such that a signal can break it off."""

import asyncio
import weakref
from collections.abc import Coroutine
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Begun = Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]]


class Running(Generic[T]):
    """A coroutine that runs in a thread with an event loop of its own, while the calling thread does what it likes.

    It is cancelled when nobody holds this object any more, and when the process ends.

    Args:
        coroutine: Begins at once.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        begun: Begun = Future()
        self._outcome: Future[T] = Future()
        # A daemon: the end of a process does not wait for it. It holds no reference to this object.
        self._thread = Thread(target=_run, args=(coroutine, begun, self._outcome), daemon=True)
        self._thread.start()
        either: list[Future[Any]] = [begun, self._outcome]  # its loop may not come to run
        wait(either, return_when=FIRST_COMPLETED)
        self._finalize = weakref.finalize(self, _cancel, begun, self._outcome)

    def ended(self, seconds: float | None = None) -> bool:
        """Whether it has ended, after a wait of so many seconds at most; without them, after as long as it takes."""
        return self._outcome in wait([self._outcome], seconds).done

    def result(self) -> T:
        """Waits for what the coroutine gives or raises. What a signal handler raises meanwhile cancels it."""
        try:
            return self._outcome.result()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Cancels the coroutine unless it has ended, and waits for the end of its thread."""
        self._finalize()
        self._thread.join()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Returns what a coroutine gives, and runs it in a thread with an event loop of its own.

    The calling thread waits, also if it has a loop that runs (in a notebook). What a signal handler raises there
    cancels the coroutine and comes out here; within an event loop asyncio logs some of it and goes on.
    """
    return Running(coroutine).result()


def _run(coroutine: Coroutine[Any, Any, T], begun: Begun, outcome: "Future[T]") -> None:
    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None  # asyncio.run makes one
        begun.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    try:
        result = asyncio.run(main())
    except BaseException as error:  # of whatever kind: it is raised again where the result is asked for
        outcome.set_exception(error)
    else:
        outcome.set_result(result)


def _cancel(begun: Begun, outcome: "Future[Any]") -> None:
    if begun.done() and not outcome.done():
        loop, task = begun.result()
        with suppress(RuntimeError):  # it has just ended, and its loop is closed
            loop.call_soon_threadsafe(task.cancel)
