"""Advantages: from the rewards of a group of rollouts to how much better than its group each one is."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Advantage(ABC):
    """Compares the K rollouts of a question with one another."""

    @abstractmethod
    def __call__(self, rewards: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]. A group of equal rewards gets exact zeros: it teaches nothing."""


class GroupNormalized(Advantage):
    """GRPO: (r - mean) / (std + 1e-6), std with Bessel's correction (arXiv 2402.03300, §4.1.2)."""

    def __call__(self, rewards: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        centred = rewards - rewards.mean(dim=-1, keepdim=True)  # [G, K]
        scaled = centred / (rewards.std(dim=-1, keepdim=True) + 1e-6)
        # The mean of equal floats can differ from them by a rounding error, which the tiny std would blow up.
        varies = rewards.amax(dim=-1, keepdim=True) > rewards.amin(dim=-1, keepdim=True)  # [G, 1]
        return torch.where(varies, scaled, torch.zeros_like(scaled))
