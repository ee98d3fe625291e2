"""Runs a function in worker processes, each item under a deadline that ends the process.

Grading needs it: math-verify's own timeout is a SIGALRM handler in Python, which works on the main thread only and
never runs while sympy is inside one long C call such as `9**(9**9)`. pebble 5.2.3 kills such a call within its deadline
as well, but grades 700 to 900 small answers a second on two processes where this grades 7,600 to 12,000 (three rounds
each, in turn, on two busy Xeon cores), and bounds no memory.

The deadline is one of processor time: on a clock on the wall, a right answer would be a timeout or not by what else the
machine has to do, and a resumed run would not equal the one that nothing ended. An item that waits takes none of it,
and so there is a far later deadline by the clock as well.
"""

import importlib
import logging
import pickle
import resource
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

WALL = 60  # times the deadline, by the clock: a process that gets a sixtieth of a core is still within it
MEMORY = 4 << 30  # bytes of address space for a worker: a runaway factorial must not take the training down

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """Why an item has no result: it ran into the deadline, or the function raised or crashed."""

    timeout: bool
    reason: str


class WorkerPool:
    """Worker processes, started when they are first needed and replaced when one has died.

    Args:
        deadline: Seconds of processor time per item; the kernel kills a worker that takes more, or that takes `WALL`
            times as long by the clock.
        workers: Processes at most.
        imports: Modules that a worker imports when it starts, before any deadline: sympy takes seconds on a busy
            machine, and no answer should time out for it.
    """

    def __init__(self, deadline: float, workers: int, imports: Sequence[str] = ()) -> None:
        self.deadline = deadline
        self.wall = WALL * deadline
        self.workers = workers
        self.imports = tuple(imports)
        self._idle: list[_Worker] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_idle": []}  # a copy starts workers of its own

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | Failure]:
        """The results of all items, in order. A failed item does not touch the others.

        The function is a top-level one: functions, items and results travel as pickles.
        """
        results: dict[int, Any] = {}
        tasks = ((index, (function, item, self.deadline, self.wall)) for index, item in enumerate(items))
        busy: dict[Connection, tuple[_Worker, int]] = {}
        try:
            self._give(tasks, busy)
            while busy:
                ready = wait(list(busy))
                for connection in [connection for connection in busy if connection in ready]:
                    worker, index = busy.pop(connection)
                    results[index] = worker.result()
                    if worker.process.returncode is None:
                        self._idle.append(worker)
                self._give(tasks, busy)
        finally:
            for worker, _ in busy.values():  # interrupted: a late answer would be taken for that of the next item
                worker.stop()
        return [results[index] for index in range(len(items))]

    def _give(self, tasks: Iterator[tuple[int, Any]], busy: dict[Connection, tuple["_Worker", int]]) -> None:
        """Keeps all workers busy while there are items to give them."""
        while len(busy) < self.workers and (task := next(tasks, None)) is not None:
            index, message = task
            self._idle = [worker for worker in self._idle if worker.process.poll() is None]
            worker = self._idle.pop() if self._idle else _Worker(self.imports)
            busy[worker.connection] = worker, index
            with suppress(OSError):  # it has died since: its result will say so
                worker.connection.send(message)


class _Worker:
    """One worker process, and the pipe to it.

    A fresh interpreter rather than `multiprocessing`: fork is unsafe beside torch's threads, and spawn imports the
    whole training program again in every worker.
    """

    def __init__(self, imports: Sequence[str]) -> None:
        self.connection, theirs = Pipe()
        # -P: a file in the working directory must not stand in for a module of the standard library.
        code = f"from {__name__} import serve; serve({theirs.fileno()}, {list(imports)!r})"
        command = [sys.executable, "-P", "-c", code]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()
        self.stop = weakref.finalize(self, _stop, self.process, self.connection)  # at the latest when Python ends

    def result(self) -> object:
        """The result that is there, or why there will be none."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            status = self.process.wait()
            self.stop()
            if status == -signal.SIGPROF:
                return Failure(timeout=True, reason="the deadline")
            if status == -signal.SIGALRM:
                return Failure(timeout=True, reason="the deadline by the clock; it waited, or the machine was busy")
            return Failure(timeout=False, reason=f"the worker process ended with status {status}")


def _stop(process: subprocess.Popen[bytes], connection: Connection) -> None:
    connection.close()
    process.kill()
    process.wait()


def serve(descriptor: int, imports: Sequence[str]) -> None:
    """The life of a worker process: it ends with its parent, or when the deadline of an item kills it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the parent, whose end closes the pipe
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # no Python handler: the kernel ends the process
    if sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
    logging.disable(logging.CRITICAL)  # what is worth saying is in the result
    for name in imports:
        importlib.import_module(name)
    connection = Connection(descriptor)
    # A future keeps whatever the function raises, since that is this item's result and no fault of the worker.
    with ThreadPoolExecutor(max_workers=1) as thread:
        while True:
            try:
                function, item, deadline, wall = connection.recv()
            except EOFError:
                return
            signal.setitimer(signal.ITIMER_PROF, deadline)
            signal.setitimer(signal.ITIMER_REAL, wall)
            future = thread.submit(_pickled_result, function, item)
            if error := future.exception():
                reply = pickle.dumps(Failure(timeout=False, reason=f"{type(error).__name__}: {error}"[:1000]))
            else:
                reply = future.result()
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send_bytes(reply)


def _pickled_result(function: Callable[[Item], Result], item: Item) -> bytes:
    return pickle.dumps(function(item))
