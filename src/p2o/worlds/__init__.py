"""Worlds of questions that are made up: two with policies made for them, desk tasks, and those of reasoning-gym."""

from p2o.worlds.chains import ChainQuestions
from p2o.worlds.desk import DeskQuestions
from p2o.worlds.reasoning_gym import ReasoningGymQuestions, ReasoningGymScore
from p2o.worlds.skills import SkillQuestions

__all__ = ["ChainQuestions", "DeskQuestions", "ReasoningGymQuestions", "ReasoningGymScore", "SkillQuestions"]
