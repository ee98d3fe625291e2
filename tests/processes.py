"""Real processes for tests, forked from a server that has imported p2o: one import for all of them."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["p2o.cli.trainer"])


def start(function: Callable, *arguments, log=os.devnull, **environment: str) -> ForkServerProcess:
    """A process that calls a top-level function and prints into a file."""
    process = FORKED.Process(target=_call, args=(function, arguments, log, dict(os.environ) | environment))
    process.start()
    return process


def _call(function, arguments, log, environment):
    os.environ |= environment  # the server's is as old as the server
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    function(*arguments)


def reached_the_end(printed: Sequence[str]) -> None:
    """Fails with the end of what each failed process printed: a cause and what it caused stand in different ones."""
    failed = [f"process {rank}: …{text[-4000:]}" for rank, text in enumerate(printed) if not text.endswith("exit 0")]
    assert not failed, "\n\n".join(failed)
