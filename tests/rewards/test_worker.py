import copy
import importlib
import math
import operator
import os
import signal
import time

import pytest

from p2o.rewards.worker import Failure, WorkerPool


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def test_results_come_in_order_from_several_workers():
    pool = WorkerPool(operator.neg, deadline=20, workers=2)
    assert pool.map(list(range(50))) == [-number for number in range(50)]
    assert pool.map([]) == []


def test_a_late_item_is_a_timeout_and_the_others_are_done():
    pool = WorkerPool(time.sleep, deadline=0.4, workers=1)
    start = time.monotonic()
    late = Failure(timeout=True, reason="the deadline")
    assert pool.map([0, 60, 0]) == [None, late, None]
    assert time.monotonic() - start < 20
    assert pool.map([0]) == [None]  # alive afterwards


def test_one_long_c_call_does_not_escape_the_deadline():
    [result] = WorkerPool(math.factorial, deadline=0.3, workers=1).map([20_000_000])
    assert isinstance(result, Failure) and result.timeout


def test_an_exception_is_the_result_of_its_item():
    results = WorkerPool(math.sqrt, deadline=20, workers=1).map([4.0, -1.0, 9.0])
    assert results[0] == 2.0 and results[2] == 3.0
    assert isinstance(results[1], Failure) and not results[1].timeout and "ValueError" in results[1].reason


def test_a_crash_is_the_result_of_its_item():
    results = WorkerPool(os._exit, deadline=20, workers=1).map([3])
    assert results == [Failure(timeout=False, reason="the worker process ended with status 3")]


def test_memory_is_bounded():
    [result] = WorkerPool(bytearray, deadline=20, workers=1).map([8 << 30])
    assert isinstance(result, Failure) and "MemoryError" in result.reason


def test_an_idle_worker_that_was_killed_is_replaced():
    pool = WorkerPool(abs, deadline=20, workers=1)
    assert pool.map([-1]) == [1]
    [worker] = pool._idle
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    assert pool.map([-2]) == [2]


def test_no_process_is_left_behind():
    pool = WorkerPool(time.sleep, deadline=0.3, workers=2)
    pool.map([0, 60, 0])
    pids = [worker.process.pid for worker in pool._idle]
    assert pids and all(alive(pid) for pid in pids)
    del pool
    assert not any(alive(pid) for pid in pids)  # neither running nor a zombie
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)


def test_a_copy_has_workers_of_its_own():
    pool = WorkerPool(abs, deadline=20, workers=1)
    pool.map([1])
    copied = copy.deepcopy(pool)
    assert copied.map([-3]) == [3] and copied._idle[0] is not pool._idle[0]


def test_a_worker_does_not_import_torch():
    """It would take seconds and hundreds of megabytes for each worker: keep `p2o/__init__` light."""
    pool = WorkerPool(eval, deadline=20, workers=1)
    importing = "__import__('p2o.rewards.math_answer') and 'torch' in __import__('sys').modules"
    assert importlib.import_module("p2o.rewards.math_answer")
    assert pool.map([importing]) == [False]
