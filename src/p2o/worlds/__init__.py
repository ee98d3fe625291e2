"""Worlds of questions that are made up: two small ones with policies made for them, and the tasks of reasoning-gym."""

from p2o.worlds.chains import ChainQuestions
from p2o.worlds.desk import DeskQuestions
from p2o.worlds.reasoning_gym import ReasoningGymQuestions, ReasoningGymScore

__all__ = ["ChainQuestions", "DeskQuestions", "ReasoningGymQuestions", "ReasoningGymScore"]
