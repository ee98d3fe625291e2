"""Rewards: completions in, grades out."""

from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.rewards.math_answer import MathAnswer
from p2o.rewards.overlong import SoftOverlong

__all__ = ["GradingInput", "MathAnswer", "Reward", "SoftOverlong", "grade_checked"]
