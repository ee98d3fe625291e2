"""Means over questions with 95 % bootstrap intervals."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import torch

from p2o.evaluation.estimators import bootstrap_interval


class Estimate(NamedTuple):
    """A mean and its interval, which resamples questions."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.1%} [{self.low:.1%}, {self.high:.1%}]"

    @property
    def signed(self) -> str:
        """The estimate of a difference, with its sign."""
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of one value for each question, of which there is at least one, and its interval."""
    low, high = bootstrap_interval(torch.tensor(values, dtype=torch.float64)).tolist()
    return Estimate(fmean(values), low, high)
