"""Imports every component, so that configs can name them by class alone and `--help` lists them."""

from p2o import engines, questions, reflectors, rewards, rollouts, worlds
from p2o.evolution import selectors
from p2o.mixture import selection
from p2o.objective import (
    advantages,
    aggregation,
    context_estimators,
    engine_correction,
    exploration,
    losses,
    regularizers,
)
from p2o.policy import adapters

__all__ = [
    "adapters",
    "advantages",
    "aggregation",
    "context_estimators",
    "engine_correction",
    "engines",
    "exploration",
    "losses",
    "questions",
    "reflectors",
    "regularizers",
    "rewards",
    "rollouts",
    "selection",
    "selectors",
    "worlds",
]
