"""PPO's clipped loss of one token."""

import torch
from torch import Tensor

from p2o.errors import InputError
from p2o.objective.losses.base import PolicyLoss, pessimistic, ratio_of


class ClippedLoss(PolicyLoss):
    """PPO's clipped loss with dual clip: l = max(-Aρ, -A·clip(ρ, 1-ε_low, 1+ε_high)), at most -c·A where A < 0.

    Args:
        epsilon_low: How far ρ may fall below 1 (paper: 0.2).
        epsilon_high: How far ρ may rise above 1 (paper: 0.2; DAPO's clip-higher, arXiv 2503.14476: 0.28).
        dual_clip: c, the bound of the loss of a bad token whose probability exploded (arXiv 1912.09729; paper: 3).
    """

    def __init__(self, epsilon_low: float = 0.2, epsilon_high: float = 0.2, dual_clip: float = 3.0) -> None:
        if not (0 <= epsilon_low < 1 and epsilon_high >= 0 and dual_clip > 1):
            raise InputError(
                "ClippedLoss needs 0 <= epsilon_low < 1, epsilon_high >= 0 and dual_clip > 1, got "
                f"{epsilon_low}, {epsilon_high} and {dual_clip}."
            )
        self.epsilon_low = epsilon_low
        self.epsilon_high = epsilon_high
        self.dual_clip = dual_clip

    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        """The loss of every token, [R, T]."""
        losses = pessimistic(ratio_of(logps - old_logps), advantages, self.epsilon_low, self.epsilon_high)
        return torch.where(advantages < 0, torch.minimum(losses, -advantages * self.dual_clip), losses)
