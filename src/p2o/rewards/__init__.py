"""Rewards grade completions: by the answer in their box, and by their length if a run wants that."""

from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.rewards.exact_answer import ExactAnswer
from p2o.rewards.last_number import LastNumber
from p2o.rewards.marked_answer import MarkedAnswer
from p2o.rewards.math_answer import MathAnswer
from p2o.rewards.overlong import SoftOverlong

__all__ = [
    "ExactAnswer",
    "GradingInput",
    "LastNumber",
    "MarkedAnswer",
    "MathAnswer",
    "Reward",
    "SoftOverlong",
    "grade_checked",
]
