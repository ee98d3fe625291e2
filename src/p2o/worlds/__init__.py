"""Small worlds that come with p2o: generators of questions, and policies made for them."""

from p2o.worlds.chains import ChainQuestions

__all__ = ["ChainQuestions"]
