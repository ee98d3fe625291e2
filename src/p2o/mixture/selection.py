"""Which questions carry templates, and which ones evolution sees."""

from abc import ABC, abstractmethod


class QuestionSelection(ABC):
    """Selects training questions by what the last finished epoch found out about them."""

    @abstractmethod
    def __call__(self, question_id: str, hard: frozenset[str]) -> bool:
        """Whether a question is selected, given the ids of the hard ones."""


class HardQuestions(QuestionSelection):
    """The hard questions alone (P²O)."""

    def __call__(self, question_id: str, hard: frozenset[str]) -> bool:
        """Whether the question is hard."""
        return question_id in hard


class AllQuestions(QuestionSelection):
    """Every question, hard or not, as Fast-Slow Training has it (arXiv 2605.12484)."""

    def __call__(self, question_id: str, hard: frozenset[str]) -> bool:
        """Selects every question, hard or not."""
        return True
