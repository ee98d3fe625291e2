"""Batch exploration: a penalty for final answers that are repeated within a group."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from p2o.errors import InputError
from p2o.objective.exploration.base import ExplorationBonus, FinalAnswer


class BatchBonus(ExplorationBonus):
    """-c·1/K·Σ_{j≠i} 1[a_j = a_i] (Song, Kempe, Munos 2025, arXiv 2509.06941).

    From the abstract: repetition within the batch is penalised. Our reading: this formula; the batch of an answer is
    the group of its question; the correct answer is an answer like others; no answer at all counts as one, too; the
    penalty is added to the advantage, not to the reward.

    Args:
        coefficient: c (our choice).
    """

    def __init__(self, coefficient: float = 0.2) -> None:
        if coefficient <= 0:
            raise InputError(f"BatchBonus needs coefficient > 0, got {coefficient}.")
        self.coefficient = coefficient

    def __call__(self, answers: Sequence[Sequence[FinalAnswer]]) -> Tensor:
        """Final answers of G groups -> bonuses [G, K], none above 0."""
        return -self.coefficient * torch.tensor([repeated(group) for group in answers])


def repeated(group: Sequence[FinalAnswer]) -> list[float]:
    """For each answer the share of the group's K that are others like it."""
    counts = Counter(group)
    return [(counts[answer] - 1) / len(group) for answer in group]
