"""Outcome-based exploration: bonuses by final answers."""

from p2o.objective.exploration.base import ExplorationBonus, FinalAnswer, NoBonus, final_answer
from p2o.objective.exploration.batch import BatchBonus
from p2o.objective.exploration.historical import Baseline, ConstantBaseline, HistoricalBonus, MeanBaseline

__all__ = [
    "Baseline",
    "BatchBonus",
    "ConstantBaseline",
    "ExplorationBonus",
    "FinalAnswer",
    "HistoricalBonus",
    "MeanBaseline",
    "NoBonus",
    "final_answer",
]
