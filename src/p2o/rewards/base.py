"""What a reward is: completions in, grades out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from p2o.errors import InputError
from p2o.types import Grade, Question


@dataclass(frozen=True)
class GradingInput:
    """A question and the text of one completion; `truncated` if the length limit cut it off.

    `tokens` is its length, None where nobody knows it.
    """

    question: Question
    text: str
    truncated: bool = False
    tokens: int | None = None


class Reward(ABC):
    """Grades completions against gold answers."""

    @abstractmethod
    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order. A broken grader is `Outcome.ERROR`, never a silent 0."""

    def reject(self, answer: str) -> str:
        """Why a gold answer can never be matched by this reward; "" if it can. Asked once, before training."""
        return ""


def grade_checked(reward: Reward, answered: Sequence[GradingInput]) -> list[Grade]:
    """What a reward says, one grade for each completion.

    Raises:
        InputError: It says more or less than it was asked.
    """
    grades = list(reward.grade(answered))
    if len(grades) != len(answered):
        kind = type(reward)
        raise InputError(
            f"{kind.__module__}.{kind.__qualname__}.grade: expected one grade for each of {len(answered)} completions, "
            f"in order, got {len(grades)}. Return a Grade with Outcome.ERROR where one cannot be graded."
        )
    return grades
