"""A coroutine runs to its end, unless a signal breaks it off."""

import asyncio
import os
import signal
import threading
import time

import pytest

from p2o.distributed import preemption
from p2o.io.coroutines import run


async def after(seconds, value):
    await asyncio.sleep(seconds)
    return value


def test_it_gives_what_the_coroutine_gives():
    assert run(after(0, 3)) == 3


def test_an_error_comes_out():
    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fail())


def test_within_a_loop_that_runs():
    async def outer():
        return run(after(0, 4))

    assert asyncio.run(outer()) == 4


def test_a_signal_breaks_it_off_and_cancels_it(monkeypatch):
    cancelled = []

    async def long():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    before = signal.getsignal(signal.SIGTERM)
    try:
        preemption.listen()
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
        begun = time.monotonic()
        with pytest.raises(preemption.Preempted), preemption.interruptible():
            run(long())
    finally:
        preemption.forget()
        signal.signal(signal.SIGTERM, before)
    assert cancelled and time.monotonic() - begun < 10
