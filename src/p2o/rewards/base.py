"""The interface of a reward, which turns completions into grades, and the checks of what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real

from p2o.contracts import listed, name_of
from p2o.errors import InputError
from p2o.types import Grade, Outcome, Question

LARGEST = 2.0**128 - 2.0**104  # of a float32, in which advantages are computed


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
    """A verifiable reward: it grades completions against gold answers, and says which golds it cannot grade against."""

    @abstractmethod
    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order. A broken grader is `Outcome.ERROR`, never a silent 0."""

    def reject(self, answer: str) -> str:
        """Why a gold answer can never be matched by this reward; "" if it can. Asked once, before training."""
        return ""

    def refuse(self, question: Question) -> str:
        """Why this reward can never grade a question as correct; "" if it can. Asked once, before training."""
        return self.reject(question.answer)

    def problems(self, max_completion_length: int) -> Iterator[str]:
        """Why it would not do its work on completions of at most so many tokens; most rewards look at no length."""
        return iter(())

    @property
    def may_be_negative(self) -> bool:
        """Whether some completion may get less than 0, which not every advantage takes."""
        return False


def grade_checked(reward: Reward, answered: Sequence[GradingInput]) -> list[Grade]:
    """The grades of a reward, one for each completion, each with a finite number: one NaN ruins all weights.

    Raises:
        InputError: There are more or fewer, or one is no usable grade. The message names the reward and the question.
    """
    name, expected = name_of(reward, "grade"), f"one grade for each of {len(answered)} completions, in order"
    grades = listed(name, reward.grade(answered), expected)
    if len(grades) != len(answered):
        raise InputError(
            f"{name}: expected {expected}, got {len(grades)}. Return a Grade with Outcome.ERROR where one cannot be "
            "graded."
        )
    return [_checked(name, grade, item.question) for grade, item in zip(grades, answered, strict=True)]


def _checked(name: str, grade: object, question: Question) -> Grade:
    """A grade with its reward as a float; integers and numbers of numpy are numbers."""
    where = f"{name}, question {question.id!r}" + (f" ({question.origin})" if question.origin else "")
    if not isinstance(grade, Grade):
        raise InputError(f"{where}: expected a p2o.types.Grade, got {grade!r:.200}.")
    if not isinstance(grade.reward, Real):
        raise InputError(
            f"{where}: expected a number as reward, got {grade.reward!r:.200} of type {type(grade.reward).__name__}. "
            "Return an int or a float; of a tensor, its item()."
        )
    if not -LARGEST <= grade.reward <= LARGEST:  # neither NaN nor what is infinite, or would be in float32
        raise InputError(
            f"{where}: expected a finite reward, got {grade.reward!s:.40} (advantages are made of float32, at most "
            "3.4e38). Return a Grade of 0 with Outcome.ERROR where a completion cannot be graded."
        )
    if not isinstance(grade.outcome, Outcome) or not isinstance(grade.extracted, str):
        raise InputError(
            f"{where}: expected an Outcome and a text as the answer that was read, got {grade.outcome!r:.100} and "
            f"{grade.extracted!r:.100}."
        )
    return replace(grade, reward=float(grade.reward))
