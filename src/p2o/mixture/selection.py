"""Which questions carry templates, which ones evolution sees, and which ones count as easy."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction

from p2o.errors import InputError
from p2o.mixture.hard_set import HardSet
from p2o.types import Question


class QuestionSelection(ABC):
    """Selects training questions by what they are and what the finished epochs found out about them."""

    @abstractmethod
    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether a question is selected, given what was seen of all of them."""

    def problems(self, questions: Sequence[Question]) -> Iterator[str]:
        """What it names and no training question has; most selections name nothing."""
        return iter(())

    def most(self, questions: Sequence[Question], asked: int, epoch_size: int) -> int:
        """How many of the training questions it can select at most.

        Args:
            questions: All of them.
            asked: Questions that the epochs before have asked at most, one in each of two counted twice.
            epoch_size: Questions of each of these epochs.
        """
        return min(len(questions), asked)


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

    def most(self, questions: Sequence[Question], asked: int, epoch_size: int) -> int:
        """All, whether they were asked or not."""
        return len(questions)


class AskedQuestions(QuestionSelection):
    """The questions of the last epoch, which is a slice of the data with `data.questions_per_epoch`."""

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether the last finished epoch asked the question."""
        return question.id in seen.asked

    def most(self, questions: Sequence[Question], asked: int, epoch_size: int) -> int:
        """Those of one epoch."""
        return min(epoch_size, asked)


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

    def problems(self, questions: Sequence[Question]) -> Iterator[str]:
        """Labels that no question has."""
        known = {question.difficulty for question in questions}
        if unknown := sorted(self.difficulties - known):
            yield (
                f"GradedQuestions: expected difficulties of the training questions ({', '.join(sorted(known))}), got "
                f"{', '.join(unknown)}, which no question has. Name some of those, or give the questions such labels."
            )

    def most(self, questions: Sequence[Question], asked: int, epoch_size: int) -> int:
        """Those with one of the labels, whether they were asked or not."""
        return sum(question.difficulty in self.difficulties for question in questions)


class SolvedQuestions(QuestionSelection):
    """The questions of which at least so many of K rollouts were correct when they were last asked.

    Args:
        correct: How many of K; of a question that was rolled out again within its epoch, that share or more.
    """

    def __init__(self, correct: int) -> None:
        if correct < 1:
            raise InputError(f"SolvedQuestions needs correct >= 1, got {correct}.")
        self.correct = correct

    def __call__(self, question: Question, seen: HardSet) -> bool:
        """Whether the question was solved that often; one that was never asked was not."""
        known = seen.last.get(question.id)
        return known is not None and not known.is_below(Fraction(self.correct, seen.rollouts))
