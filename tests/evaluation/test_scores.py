import torch

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
