"""A reward for answers that are not mathematics: the boxed text has to be the gold answer, letter by letter."""

from collections.abc import Sequence

from p2o.rewards.base import GradingInput, Reward
from p2o.rewards.boxed import last_boxed, unbox
from p2o.types import Grade, Outcome


class ExactAnswer(Reward):
    r"""1 if the last `\boxed{}` spells the gold answer, spaces around it aside, else 0.

    `MathAnswer` would take letters for variables and their product for any order of them.
    """

    def __init__(self) -> None:
        pass  # without a constructor of its own, the command line would offer none of its options

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order."""
        return [self._grade(one) for one in answered]

    def reject(self, answer: str) -> str:
        """An empty gold answer would be matched by an empty box."""
        return "" if unbox(answer) else "the gold answer is empty"

    def _grade(self, answered: GradingInput) -> Grade:
        found = last_boxed(answered.text)
        if found is None:
            return Grade(0.0, Outcome.TRUNCATED if answered.truncated else Outcome.NO_ANSWER)
        found = found.strip()
        if found == unbox(answered.question.answer):
            return Grade(1.0, Outcome.CORRECT, found)
        return Grade(0.0, Outcome.WRONG, found)
