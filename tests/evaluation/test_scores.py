import pytest
import torch
from torchmetrics import Metric

from factories import question, rollout
from p2o.evaluation.scores import BenchmarkScores
from p2o.questions.benchmarks import Benchmark


def test_the_questions_are_those_that_were_asked():
    """`trainer.limit_test_batches` leaves some out, and the accuracy is over the others."""
    scores = BenchmarkScores(
        Benchmark("few", tuple(question(number) for number in range(3)), 1, 0.0), torch.device("cpu")
    )
    scores.update([rollout(True)])
    scores.update([rollout(False, number=1)])
    assert scores.compute()["questions"] == 2 and scores.compute()["pass@1"] == 0.5


@pytest.mark.parametrize(("kind", "dtype"), [("cpu", torch.float64), ("cuda", torch.float64), ("mps", torch.float32)])
def test_states_are_as_wide_as_the_device_has_numbers(monkeypatch, kind, dtype):
    """The Metal of Apple's GPUs has no float64: moving one there is a TypeError."""
    moved = []

    def to(metric, device):
        moved.append((device.type, metric.sums.dtype, metric.counts.dtype))
        return metric

    monkeypatch.setattr(Metric, "to", to)
    BenchmarkScores(Benchmark("few", (question(0),), 1, 0.0), torch.device(kind))
    assert len(moved) > 6 and set(moved) == {(kind, dtype, dtype)}
