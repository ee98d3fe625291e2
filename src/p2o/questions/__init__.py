"""Where questions come from: files, data sets on the Hugging Face hub, benchmarks."""

from p2o.questions.base import QuestionSource
from p2o.questions.files import QuestionFile
from p2o.questions.held_out import HeldOut
from p2o.questions.hub import HubQuestions
from p2o.questions.mixed import MixedQuestions

__all__ = ["HeldOut", "HubQuestions", "MixedQuestions", "QuestionFile", "QuestionSource"]
