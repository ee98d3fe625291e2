"""Historical exploration: a bonus for final answers that were rarely given to a question so far."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from p2o.errors import InputError
from p2o.objective.exploration.base import ExplorationBonus, FinalAnswer


class Baseline(ABC):
    """What a bonus is compared with."""

    @abstractmethod
    def __call__(self, bonuses: Tensor) -> Tensor:
        """Bonuses [G, K] -> baselines that broadcast against them."""


class MeanBaseline(Baseline):
    """UCB-Mean: the mean of the group, so that only answers rarer than the others of the group gain."""

    def __call__(self, bonuses: Tensor) -> Tensor:
        """[G, K] -> [G, 1]; of equal bonuses each itself: a rounding error would be an advantage, and cost a pass."""
        equal = bonuses.amax(dim=-1, keepdim=True) == bonuses.amin(dim=-1, keepdim=True)  # [G, 1]
        return torch.where(equal, bonuses[:, :1], bonuses.mean(dim=-1, keepdim=True))


class ConstantBaseline(Baseline):
    """UCB-Con: one number, so that often repeated answers lose even if the whole group gives them.

    Args:
        value: The number, 0-1; 0 is the plain bonus, which only ever encourages (0.5: our choice).
    """

    def __init__(self, value: float = 0.5) -> None:
        if not 0 <= value <= 1:
            raise InputError(f"ConstantBaseline needs 0 <= value <= 1, got {value}.")
        self.value = value

    def __call__(self, bonuses: Tensor) -> Tensor:
        """The same baseline for all bonuses: [G, K] -> [1]."""
        return torch.tensor([self.value])


class HistoricalBonus(ExplorationBonus):
    """c·(b - baseline), b = min(1, 1/√N(x, a)) (Song, Kempe, Munos 2025, arXiv 2509.06941).

    From the abstract: UCB-style bonuses for rarely observed final answers. The names UCB-Mean and UCB-Con are the
    paper's. Our reading: this formula; N counts the rollouts before this step that gave question x the answer a; the
    bonus is added to the advantage, not to the reward; a completion without an answer gets b = 0.

    Args:
        baseline: What b is compared with.
        coefficient: c (our choice).
    """

    def __init__(self, baseline: Baseline, coefficient: float = 0.2) -> None:
        if coefficient <= 0:
            raise InputError(f"HistoricalBonus needs coefficient > 0, got {coefficient}.")
        self.baseline = baseline
        self.coefficient = coefficient
        self.counts: dict[str, dict[str, int]] = {}  # question id -> answer -> rollouts

    def __call__(self, answers: Sequence[Sequence[FinalAnswer]]) -> Tensor:
        """Final answers of G groups -> bonuses [G, K]."""
        bonuses = torch.tensor([[self._bonus(*answer) for answer in group] for group in answers])  # [G, K]
        return self.coefficient * (bonuses - self.baseline(bonuses))

    def _bonus(self, question: str, answer: str) -> float:
        if not answer:
            return 0.0
        return 1 / math.sqrt(max(1, self.counts.get(question, {}).get(answer, 0)))

    def observe(self, answers: Sequence[FinalAnswer]) -> None:
        """Counts the final answers that a step gave to each question."""
        for question, answer in answers:
            counts = self.counts.setdefault(question, {})
            counts[answer] = counts.get(answer, 0) + 1

    def state_dict(self) -> dict[str, Any]:
        """How often each final answer was given so far, by question."""
        return {"counts": {question: dict(counts) for question, counts in self.counts.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues the counts of a run that is resumed."""
        self.counts = {question: dict(counts) for question, counts in state["counts"].items()}
