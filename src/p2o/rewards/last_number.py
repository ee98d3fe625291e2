"""The last number of a completion, for models that keep to no format."""

import re
from collections.abc import Sequence

from p2o.rewards.base import GradingInput, Reward
from p2o.types import Grade, Outcome

_SIGN = r"(?<![\w)\]}])(?<![\d)\]}] )[-−]"  # after a number or a bracket it subtracts
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(rf"(?:{_SIGN}[$€£]?)?(?:{_DIGITS})", re.ASCII)


class LastNumber(Reward):
    """1 if the last number of a completion is the gold answer, a number too, else 0.

    For base models and small ones that keep to no format: verl's `flexible` grading of GSM8K, and "flexible-extract" of
    the evaluation harness. It is easily right by luck where answers are small numbers, and what a model says after its
    answer counts as one. Commas between groups of digits and zeros at the end do not matter; a fraction is its last
    number, and a completion that was cut off is graded by what is there.
    """

    def __init__(self) -> None:
        pass  # without a constructor of its own, the command line would offer none of its options

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order."""
        return [self._grade(item) for item in answered]

    def reject(self, answer: str) -> str:
        """A gold answer that is no single number, which no last number could be."""
        return "" if _NUMBER.fullmatch(answer.strip()) else "it is not a number"

    def _grade(self, item: GradingInput) -> Grade:
        found = _NUMBER.findall(item.text)
        if not found:
            return Grade(0.0, Outcome.TRUNCATED if item.truncated else Outcome.NO_ANSWER)
        right = value(found[-1]) == value(item.question.answer.strip())
        return Grade(float(right), Outcome.CORRECT if right else Outcome.WRONG, found[-1])


def value(number: str) -> tuple[bool, str, str]:
    """Whether a number is negative, and its digits before and after the point: as text, since there may be many."""
    whole, _, rest = number.replace(",", "").lstrip("-−$€£").partition(".")
    digits = whole.lstrip("0"), rest.rstrip("0")
    return number[0] in "-−" and any(digits), *digits
