"""What an exploration bonus is, and which final answers it tells apart."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from p2o.rewards.mathematics.plain import spelling
from p2o.types import Rollout

FinalAnswer = tuple[str, str]  # id of a question, a final answer to it; "" if the completion has none


class ExplorationBonus(ABC):
    """Added to the advantages, by the final answers of a group. A stateful one keeps plain types in the checkpoint."""

    @abstractmethod
    def __call__(self, answers: Sequence[Sequence[FinalAnswer]]) -> Tensor:
        """Final answers of G groups of K rollouts -> bonuses [G, K]."""

    def observe(self, answers: Sequence[FinalAnswer]) -> None:  # noqa: B027 (without state there is nothing to do)
        """Is told all answers of a step, those of other processes included, after the bonuses were given."""

    def state_dict(self) -> dict[str, Any]:
        """Plain types; empty if there is no state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (without state there is nothing to do)
        """Takes over what `state_dict` described."""


class NoBonus(ExplorationBonus):
    """No exploration: nothing is added to the advantages."""

    def __call__(self, answers: Sequence[Sequence[FinalAnswer]]) -> Tensor:
        """A bonus of zero for every rollout, [G, K]."""
        return torch.zeros(len(answers), len(answers[0]))


def final_answer(rollout: Rollout) -> FinalAnswer:
    """All correct answers of a question are one answer, wrong ones are told apart by their spelling."""
    said = rollout.question.answer if rollout.correct else rollout.grade.extracted
    return rollout.question.id, spelling(said) if said else ""
