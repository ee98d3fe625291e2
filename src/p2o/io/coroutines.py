"""Runs a coroutine to its end from code that is none, such that a signal can break it off."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Returns what a coroutine gives, and runs it in a thread with an event loop of its own.

    The calling thread waits, also if it has a loop that runs (in a notebook). What a signal handler raises there
    cancels the coroutine and comes out here; within an event loop asyncio logs some of it and goes on.
    """
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None  # asyncio.run makes one
        begun.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(asyncio.run, main())
        try:
            return result.result()
        finally:
            if not result.done():
                loop, task = begun.result()
                with suppress(RuntimeError):  # it has just ended, and its loop is closed
                    loop.call_soon_threadsafe(task.cancel)
