"""Small worlds that come with p2o: generators of questions, and policies made for them."""

from p2o.worlds.chains import ChainQuestions
from p2o.worlds.desk import DeskQuestions

__all__ = ["ChainQuestions", "DeskQuestions"]
