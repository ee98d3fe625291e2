"""Prompt evolution (GEPA): search, selection, budget, assignment, and the callback that runs it."""

from p2o.evolution.gates import Gate, SecondChance, StrictImprovement, Verdict
from p2o.evolution.selectors import (
    BestOrTiedSelector,
    BestSelector,
    DominanceSelector,
    ParentSelector,
    SeedSelector,
)

__all__ = [
    "BestOrTiedSelector",
    "BestSelector",
    "DominanceSelector",
    "Gate",
    "ParentSelector",
    "SecondChance",
    "SeedSelector",
    "StrictImprovement",
    "Verdict",
]
