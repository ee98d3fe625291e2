"""The error that ends one process of a run ends all of them, with its message: they would wait for it in vain."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed
from torch.distributed.distributed_c10d import _get_default_store

from p2o.errors import InputError

KEY = "p2o/failure"
PAUSE = 1.0  # seconds between two looks
_ending = threading.Event()
_watched: list[Any] = []  # its own connection to the store


def watch() -> None:
    """Begins to look for failures of other processes, once; a process that is alone has nothing to look for."""
    if _watched or not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return
    store: Any = _get_default_store()
    _watched.append(store.clone())  # a connection of its own: the other may wait in a collective
    threading.Thread(target=_look, args=(store.clone(),), daemon=True).start()


@contextmanager
def announced() -> Iterator[None]:
    """Within, an error that ends this process is announced: its message, or its traceback if it is a bug.

    A signal and `sys.exit` are no errors; they end a run by ways of their own.
    """
    try:
        yield
    except InputError as error:
        announce(str(error))
        raise
    except Exception:  # whatever it is: the others would wait in a collective, with NCCL as long as its time-out
        announce(traceback.format_exc().rstrip())  # all of it: a launcher may kill this process before it prints it
        raise


def announce(message: str) -> None:
    """Tells the other processes that this one ends, and gives them the time to hear it."""
    if not _watched:
        return
    _ending.set()
    try:
        _watched[0].set(KEY, f"{torch.distributed.get_rank()}:{message}")
    except RuntimeError:  # the first process, which keeps the store, has ended before
        return
    time.sleep(3 * PAUSE)


def _look(store: Any) -> None:  # noqa: ANN401 (torch exports no name for it)
    while True:
        time.sleep(PAUSE)
        try:
            failed = store.check([KEY])
        except RuntimeError:  # the first process, which keeps the store, is gone: torch says so itself
            return
        if _ending.is_set():  # it has a message of its own
            return
        if failed:
            sender, _, message = store.get(KEY).decode().partition(":")
            print(f"p2o: error: process {sender}: {message}", file=sys.stderr, flush=True)
            os._exit(2)  # the main thread may hang in a collective for as long as its time-out
