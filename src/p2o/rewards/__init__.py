"""Rewards: completions in, grades out."""

from p2o.rewards.base import Answered, Reward, grades_of
from p2o.rewards.math_answer import MathAnswer
from p2o.rewards.overlong import SoftOverlong

__all__ = ["Answered", "MathAnswer", "Reward", "SoftOverlong", "grades_of"]
