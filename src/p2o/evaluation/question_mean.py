"""Metrics over questions that are the same on one process and on many."""

import torch
from torch import Tensor
from torchmetrics import Metric

from p2o.evaluation.estimators import bootstrap_interval

CPU = torch.device("cpu")


class QuestionMean(Metric):
    """The mean of a value over questions.

    Lightning gives some questions to two processes so that all have equally many; hence a place for each question,
    whose values are averaged: a question that was asked twice counts once.

    Args:
        questions: How many there are.
        device: Where the states live. They are float64, unless it has no such numbers.
    """

    full_state_update = False
    sums: Tensor
    counts: Tensor

    def __init__(self, questions: int, device: torch.device = CPU) -> None:
        super().__init__()
        dtype = torch.float32 if device.type == "mps" else torch.float64  # Metal has none
        self.add_state("sums", torch.zeros(questions, dtype=dtype), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(questions, dtype=dtype), dist_reduce_fx="sum")
        self.to(device)

    def update(self, question: int, value: float) -> None:
        """Adds the value of the question with this number."""
        self.sums[question] += value
        self.counts[question] += 1

    def values(self) -> Tensor:
        """The values of the questions seen, on all processes within `compute` [Q]."""
        seen = self.counts > 0
        return self.sums[seen] / self.counts[seen]

    def compute(self) -> Tensor:
        """The mean over the questions seen, a scalar []."""
        return self.values().mean()


class QuestionCount(QuestionMean):
    """How many questions were asked: `trainer.limit_test_batches` leaves some out."""

    def compute(self) -> Tensor:
        """The number over all processes, a scalar []."""
        return torch.tensor(len(self.values()))


class QuestionInterval(QuestionMean):
    """95 % bootstrap interval of that mean, over questions."""

    def compute(self) -> Tensor:
        """The low and the high end of the interval [2]."""
        return bootstrap_interval(self.values())
