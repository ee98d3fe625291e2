"""From rollouts to a loss: advantages, context estimators, losses of a token, aggregation, and batches of rows."""

from p2o.objective.advantages import Advantage
from p2o.objective.aggregation import Aggregation, TokenMean
from p2o.objective.context_estimators import ContextEstimator
from p2o.objective.engine_correction import EngineCorrection, NoCorrection
from p2o.objective.exploration import ExplorationBonus, NoBonus, final_answer
from p2o.objective.losses import PolicyLoss
from p2o.objective.objective import Objective
from p2o.objective.regularizers import Regularizer

__all__ = [
    "Advantage",
    "Aggregation",
    "ContextEstimator",
    "EngineCorrection",
    "ExplorationBonus",
    "NoBonus",
    "NoCorrection",
    "Objective",
    "PolicyLoss",
    "Regularizer",
    "TokenMean",
    "final_answer",
]
