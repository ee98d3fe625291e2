"""The base class of everything that questions come from."""

from abc import ABC, abstractmethod

from p2o.types import Question


class QuestionSource(ABC):
    """Loads questions: from a file, from a Hugging Face data set, or made up by a generator."""

    @abstractmethod
    def load(self) -> list[Question]:
        """Loads all questions; their ids are unique.

        Raises:
            InputError: A row is not usable; the message names its file and line.
        """

    def beside(self, train: "QuestionSource") -> tuple[list[Question], list[Question]]:
        """The training questions of `train`, and the validation questions of this source.

        A source that takes its validation questions from the training questions has its own way.
        """
        return train.load(), self.load()
