"""The loss of supervised fine-tuning, weighted by the advantage."""

from torch import Tensor

from p2o.objective.losses.base import PolicyLoss


class LogLikelihood(PolicyLoss):
    """l = -A·log π_θ(y_t): no ratio, no clip. With A = 1 supervised fine-tuning, with a baseline REINFORCE."""

    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        """The loss of every token, [R, T]."""
        return -advantages * logps
