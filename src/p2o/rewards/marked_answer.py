"""An answer that stands after a mark, such as `####`."""

import re
from collections.abc import Sequence

from p2o.errors import InputError
from p2o.rewards.base import GradingInput, Reward
from p2o.types import Grade, Outcome


class MarkedAnswer(Reward):
    """1 if what stands after the last mark of a completion, up to the end of its line, is the gold answer, else 0.

    The number of blanks, commas between groups of digits or items of a list, a full stop at the end and the case of
    letters do not matter.

    Args:
        mark: What comes before the answer.
    """

    def __init__(self, mark: str = "####") -> None:
        if not mark.strip():
            raise InputError(f"MarkedAnswer needs a mark, got {mark!r}.")
        self.mark = mark

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order."""
        return [self._grade(item) for item in answered]

    def reject(self, answer: str) -> str:
        """A gold answer that no line after a mark can be, such as a whole solution that ends in one."""
        if self.mark in answer:
            return f"it holds the mark {self.mark!r} itself: keep what stands after it"
        if "\n" in answer.strip():
            return "it has several lines, and the answer after a mark has one"
        return "" if plain(answer) else "it is empty"

    def _grade(self, item: GradingInput) -> Grade:
        _, mark, after = item.text.rpartition(self.mark)
        answer = after.strip().partition("\n")[0].strip()
        if not mark or not answer:
            return Grade(0.0, Outcome.TRUNCATED if item.truncated else Outcome.NO_ANSWER, "")
        right = plain(answer) == plain(item.question.answer)
        return Grade(float(right), Outcome.CORRECT if right else Outcome.WRONG, answer)


def plain(answer: str) -> str:
    """An answer without what does not matter: 1,234 is a number, and 1, 234 are two."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", answer.casefold().rstrip(". "))
    return " ".join(re.split(r"[,\s]+", text.strip()))
