"""Imports every component, so that configs can name them by class alone and `--help` lists them."""

from p2o import (
    advantages,
    aggregation,
    contexts,
    corrections,
    engines,
    exploration,
    losses,
    questions,
    quickstart,
    reflectors,
    regularizers,
    rewards,
    samplers,
)
from p2o.evolution import selectors

__all__ = [
    "advantages",
    "aggregation",
    "contexts",
    "corrections",
    "engines",
    "exploration",
    "losses",
    "questions",
    "quickstart",
    "reflectors",
    "regularizers",
    "rewards",
    "samplers",
    "selectors",
]
