"""CISPO: the ratio weighs a token and is never differentiated."""

from torch import Tensor

from p2o.errors import InputError
from p2o.objective.losses.base import PolicyLoss, ratio_of


class CISPOLoss(PolicyLoss):
    """CISPO: l = -sg[min(ρ, ε_max)]·A·log π_θ(y_t) (MiniMax-M1, arXiv 2506.13585).

    Where PPO's clip silences a token, this only bounds its weight: rare tokens that open a new way keep their gradient.

    Args:
        epsilon_max: The largest weight (ScaleRL, arXiv 2510.13786: 5).
    """

    def __init__(self, epsilon_max: float = 5.0) -> None:
        if epsilon_max <= 0:
            raise InputError(f"CISPOLoss needs epsilon_max > 0, got {epsilon_max}.")
        self.epsilon_max = epsilon_max

    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        """The loss of every token, [R, T]."""
        weight = ratio_of(logps - old_logps).clamp(max=self.epsilon_max).detach()  # [R, T]
        return -weight * advantages * logps
