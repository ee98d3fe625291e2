"""Outcome-based exploration: bonuses by final answers."""

from p2o.exploration.base import Answer, ExplorationBonus, NoBonus, final_answer
from p2o.exploration.batch import BatchBonus
from p2o.exploration.historical import Baseline, ConstantBaseline, HistoricalBonus, MeanBaseline

__all__ = [
    "Answer",
    "Baseline",
    "BatchBonus",
    "ConstantBaseline",
    "ExplorationBonus",
    "HistoricalBonus",
    "MeanBaseline",
    "NoBonus",
    "final_answer",
]
