"""Where questions come from: files, data sets on the Hugging Face hub, benchmarks."""

from p2o.questions.base import QuestionSource
from p2o.questions.files import QuestionFile
from p2o.questions.hub import HubQuestions

__all__ = ["HubQuestions", "QuestionFile", "QuestionSource"]
