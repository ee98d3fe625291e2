"""Seconds by phase under a clock that the test moves."""

import pytest

from p2o.progress import PhaseClock, task, watched_by


@pytest.fixture
def time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_phases_partition_the_time(time):
    clock = PhaseClock()
    with watched_by(clock), task("epoch 0"):
        time(1)
        clock.between_tasks("update")
        with task("rollouts"):
            time(2)
        time(4)  # between the tasks of a step
        with task("update"):
            time(8)
        clock.between_tasks("other")
        with task("evolution"), task("iteration 1"):
            time(16)
            with task("reflection"):
                time(32)
        with task("validation"), task("rollouts"):
            time(64)
    time(128)
    with task("unwatched"), task("rollouts"):
        time(256)
    expected = {
        "other": 1 + 128 + 256,
        "rollouts": 2,
        "update": 12,
        "evolution": 16,
        "reflection": 32,
        "validation": 64,
    }
    assert clock.seconds() == expected
