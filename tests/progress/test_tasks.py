"""Tasks nest, count, and say how fast they are."""

import pytest

from p2o.progress import show, task, track
from p2o.progress.tasks import Display, Task, use


class Seen(Display):
    def __init__(self):
        self.lines = []

    def changed(self, tasks):
        self.lines.append([(task.title, task.count) for task in tasks])


@pytest.fixture
def seen():
    display = Seen()
    use(display)
    yield display
    show("auto")


def test_tasks_nest_and_vanish(seen):
    with task("epoch 0", 2, "step") as steps:
        for _ in track(["a", "b"], "update", "micro-batch"):
            pass
        steps.advance()
    assert seen.lines == [
        [("epoch 0", "0/2 steps")],
        [("epoch 0", "0/2 steps"), ("update", "0/2 micro-batches")],
        [("epoch 0", "0/2 steps"), ("update", "1/2 micro-batches")],
        [("epoch 0", "0/2 steps"), ("update", "2/2 micro-batches")],
        [("epoch 0", "0/2 steps")],
        [("epoch 0", "1/2 steps")],
        [],
    ]


def test_an_error_closes_its_task(seen):
    with pytest.raises(KeyError), task("epoch 0"):
        raise KeyError
    assert seen.lines[-1] == []


def test_the_rate_counts_what_this_run_did(monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    resumed = Task("epoch 3", 10, "step", done=4)
    resumed.done = 6
    monkeypatch.setattr("time.monotonic", lambda: 104.0)
    assert (resumed.rate, resumed.count, resumed.pace) == (0.5, "6/10 steps", "2.0 s/step, 0:00:08 left")
    fast = Task("rollouts", 0, "rollout")
    fast.done = 30
    monkeypatch.setattr("time.monotonic", lambda: 114.0)
    assert (fast.count, fast.pace) == ("30 rollouts", "3.0 rollouts/s")
