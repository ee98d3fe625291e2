"""The base class of everything that questions come from."""

from abc import ABC, abstractmethod

from p2o.contracts import check_record, listed, name_of
from p2o.types import Question

TEXTS = dict.fromkeys(("id", "text", "answer", "difficulty", "origin"), str)


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
        return load_checked(train), load_checked(self)


def load_checked(source: QuestionSource) -> list[Question]:
    """The questions of a source, all of whose fields are texts: a number would be met after an epoch, in some file.

    Raises:
        InputError: It gives something else.
    """
    place = name_of(source, "load")
    questions = listed(place, source.load(), "a list of questions")
    for question in questions:
        check_record(place, question, Question, TEXTS)
    return questions
