"""Sources of questions."""

from p2o.questions.base import QuestionSource
from p2o.questions.files import QuestionFile

__all__ = ["QuestionFile", "QuestionSource"]
