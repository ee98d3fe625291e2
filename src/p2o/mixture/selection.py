"""Which questions carry templates, which ones evolution sees, and which ones count as easy."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from p2o.errors import InputError
from p2o.mixture.hard_set import HardSet
from p2o.types import Question


class QuestionSelection(ABC):
    """Selects training questions by what they are and what the finished epochs found out about them."""

    @abstractmethod
    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether a question is selected, given what was seen of all of them."""


class HardQuestions(QuestionSelection):
    """The hard questions alone (P²O)."""

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether the question was hard when it was last asked."""
        return question.id in seen.hard


class AllQuestions(QuestionSelection):
    """Every question, hard or not, as Fast-Slow Training has it (arXiv 2605.12484)."""

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Selects every question, hard or not."""
        return True


class AskedQuestions(QuestionSelection):
    """The questions of the last epoch, which is a slice of the data with `data.questions_per_epoch`."""

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether the last finished epoch asked the question."""
        return question.id in seen.asked


class GradedQuestions(QuestionSelection):
    """The questions that their source grades as one of some difficulties.

    Args:
        difficulties: Labels of `Question.difficulty`, such as [easy].
    """

    def __init__(self, difficulties: Sequence[str]) -> None:
        if not difficulties:
            raise InputError("GradedQuestions needs at least one difficulty, such as [easy].")
        self.difficulties = frozenset(difficulties)

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether the question has one of these labels."""
        return question.difficulty in self.difficulties


class SolvedQuestions(QuestionSelection):
    """The questions of which at least so many rollouts were correct when they were last asked.

    Args:
        correct: How many, of the K of a question.
    """

    def __init__(self, correct: int) -> None:
        if correct < 1:
            raise InputError(f"SolvedQuestions needs correct >= 1, got {correct}.")
        self.correct = correct

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether the question was solved that often; one that was never asked was not."""
        return seen.last.get(question.id, 0) >= self.correct
