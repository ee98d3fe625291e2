"""Imports every component, so that configs can name them by class alone and `--help` lists them."""

from p2o import (
    advantages,
    aggregation,
    contexts,
    corrections,
    engines,
    losses,
    questions,
    quickstart,
    reflectors,
    regularizers,
    rewards,
)
from p2o.evolution import selectors

__all__ = [
    "advantages",
    "aggregation",
    "contexts",
    "corrections",
    "engines",
    "losses",
    "questions",
    "quickstart",
    "reflectors",
    "regularizers",
    "rewards",
    "selectors",
]
