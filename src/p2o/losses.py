"""The policy loss of one token, and how tokens are averaged."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from p2o.errors import InputError


class PolicyLoss(ABC):
    """A loss for each token of each completion."""

    @abstractmethod
    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor) -> Tensor:
        """Log-probs [R, T] under π_θ and [R, T] under π_old, advantages [R, 1] -> losses [R, T]."""


class ClippedLoss(PolicyLoss):
    """PPO's clipped loss with dual clip: l = max(-Aρ, -A·clip(ρ, 1-ε_low, 1+ε_high)), at most -c·A where A < 0.

    Args:
        epsilon_low: How far ρ may fall below 1 (paper: 0.2).
        epsilon_high: How far ρ may rise above 1 (paper: 0.2; DAPO's clip-higher: 0.28).
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

    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor) -> Tensor:
        """Losses [R, T]."""
        ratio = (logps - old_logps).clamp(-20, 20).exp()  # [R, T]; clamped: e^89 is infinite in float32
        clipped = ratio.clamp(1 - self.epsilon_low, 1 + self.epsilon_high)
        losses = torch.maximum(-advantages * ratio, -advantages * clipped)
        return torch.where(advantages < 0, torch.minimum(losses, -advantages * self.dual_clip), losses)


def token_mean(losses: Tensor, weights: Tensor, mask: Tensor, tokens: float) -> Tensor:
    """Σ mask·m·l / Σ mask over a mini-batch, of which these rows are a part.

    Args:
        losses: [R, T].
        weights: m, [R, T]; a token of weight 0 is silent but stays in the denominator.
        mask: [R, T], true on completion tokens.
        tokens: Completion tokens of the whole mini-batch, so that the size of micro-batches does not matter.
    """
    return torch.where(mask, losses * weights, torch.zeros_like(losses)).sum() / tokens
