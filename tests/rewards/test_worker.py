import copy
import importlib
import math
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p2o.rewards.worker import Failure, WorkerPool

# Workers import no test module: code for eval and exec.
ENDLESS = "sum(range(10**12))"  # one call in C
BURN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end:\n    pass"  # processor time


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def test_results_come_in_order_from_several_workers():
    pool = WorkerPool(deadline=20, workers=2)
    assert pool.map(operator.neg, list(range(50))) == [-number for number in range(50)]
    assert pool.map(operator.neg, []) == []


def test_a_late_item_is_a_timeout_and_the_others_are_done():
    pool = WorkerPool(deadline=0.4, workers=1)
    late = Failure(timeout=True, reason="the deadline")
    assert pool.map(eval, ["0", ENDLESS, "0"]) == [0, late, 0]
    assert pool.map(eval, ["0"]) == [0]  # alive afterwards


def test_an_item_that_only_waits_has_the_later_deadline():
    """As on a machine whose other work leaves it no core: the deadline of processor time does not see it."""
    pool = WorkerPool(deadline=0.4, workers=1)
    assert pool.map(time.sleep, [1.0]) == [None]
    pool.wall = 0.8
    [result] = pool.map(time.sleep, [60])
    assert result.timeout and "by the clock" in result.reason


def test_other_work_on_the_machine_decides_no_grade():
    """Five processes take the core: by the clock the item takes longer than its deadline, and it has its result."""
    core = {min(os.sched_getaffinity(0))}
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(5)]
    pool = WorkerPool(deadline=0.8, workers=1)
    pool.wall = 200
    pool.map(eval, ["0"])
    try:
        for process in (*others, pool._idle[0].process):
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                os.sched_setaffinity(int(thread), core)
        start = time.monotonic()
        assert pool.map(exec, [BURN]) == [None]
        assert time.monotonic() - start > pool.deadline
    finally:
        for process in others:
            process.kill()
            process.wait()


def test_the_deadline_is_for_an_item_and_not_for_the_pause_after_it():
    pool = WorkerPool(deadline=0.3, workers=1)
    pool.map(abs, [-1])
    [worker] = pool._idle
    time.sleep(0.5)
    assert pool.map(abs, [-1]) == [1] and pool._idle == [worker]


def test_imports_do_not_count_towards_the_deadline(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(1.5)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pool = WorkerPool(deadline=0.5, workers=1, imports=["slow_to_import"])
    assert pool.map(eval, ["'slow_to_import' in __import__('sys').modules"]) == [True]


def test_one_long_c_call_does_not_escape_the_deadline():
    [result] = WorkerPool(deadline=0.3, workers=1).map(math.factorial, [20_000_000])
    assert isinstance(result, Failure) and result.timeout


def test_an_exception_is_the_result_of_its_item():
    results = WorkerPool(deadline=20, workers=1).map(math.sqrt, [4.0, -1.0, 9.0])
    assert results[0] == 2.0 and results[2] == 3.0
    assert isinstance(results[1], Failure) and not results[1].timeout and "ValueError" in results[1].reason


def test_a_crash_is_the_result_of_its_item():
    results = WorkerPool(deadline=20, workers=1).map(os._exit, [3])
    assert results == [Failure(timeout=False, reason="the worker process ended with status 3")]


def test_memory_is_bounded():
    [result] = WorkerPool(deadline=20, workers=1).map(bytearray, [8 << 30])
    assert isinstance(result, Failure) and "MemoryError" in result.reason


def test_an_idle_worker_that_was_killed_is_replaced():
    pool = WorkerPool(deadline=20, workers=1)
    assert pool.map(abs, [-1]) == [1]
    [worker] = pool._idle
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    assert pool.map(abs, [-2]) == [2]


def test_no_process_is_left_behind():
    pool = WorkerPool(deadline=0.3, workers=2)
    pool.map(eval, ["0", ENDLESS, "0"])
    pids = [worker.process.pid for worker in pool._idle]
    assert pids and all(alive(pid) for pid in pids)
    del pool
    assert not any(alive(pid) for pid in pids)  # neither running nor a zombie
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)


def test_a_copy_has_workers_of_its_own():
    pool = WorkerPool(deadline=20, workers=1)
    pool.map(abs, [1])
    copied = copy.deepcopy(pool)
    assert copied.map(abs, [-3]) == [3] and copied._idle[0] is not pool._idle[0]


def test_a_worker_does_not_import_torch():
    """It would take seconds and hundreds of megabytes for each worker: keep `p2o/__init__` light."""
    pool = WorkerPool(deadline=20, workers=1)
    importing = "__import__('p2o.rewards.math_answer') and 'torch' in __import__('sys').modules"
    assert importlib.import_module("p2o.rewards.math_answer")
    assert pool.map(eval, [importing]) == [False]


PARENT = """
import os, signal, threading, time
from p2o.rewards.worker import WorkerPool
pools = [WorkerPool(deadline=0.5, workers=1) for _ in range(2)]
print(*[worker.process.pid for pool in pools for _ in pool.map(abs, [1]) for worker in pool._idle], flush=True)
threading.Thread(target=pools[1].map, args=(eval, ["sum(range(10**12))"])).start()
time.sleep(0.2)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_do_not_outlive_a_parent_that_was_killed():
    """The idle one ends with the pipe, the busy one at the deadline of its item."""
    parent = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True)
    pids = parent.stdout.split()
    assert parent.returncode == -signal.SIGKILL and len(pids) == 2
    end = time.monotonic() + 100
    while any(running(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def running(pid):
    """Neither gone nor a zombie that waits for init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
