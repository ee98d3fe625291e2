"""Imports every component, so that configs can name them by class alone and `--help` lists them."""

from p2o import advantages, contexts, engines, losses, questions, quickstart, reflectors, rewards
from p2o.evolution import selectors

__all__ = [
    "advantages",
    "contexts",
    "engines",
    "losses",
    "questions",
    "quickstart",
    "reflectors",
    "rewards",
    "selectors",
]
