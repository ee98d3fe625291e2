"""From rollouts to a loss: advantages, context estimators, losses of a token, aggregation, and batches of rows."""

from p2o.objective.advantages import (
    Advantage,
    Centred,
    GroupNormalized,
    LeaveOneOut,
    MaxRL,
    NGRPOAdvantage,
    NoAdvantage,
)
from p2o.objective.aggregation import Aggregation, SequenceMean, TokenMean
from p2o.objective.context_estimators import ContextEstimator, Importance, Masked, Replace, Templated, Weighted
from p2o.objective.context_gap import context_gaps
from p2o.objective.engine_correction import EngineCorrection, NoCorrection, TruncatedImportance
from p2o.objective.exploration import ExplorationBonus, NoBonus, final_answer
from p2o.objective.losses import CISPOLoss, ClippedLoss, GSPOLoss, PolicyLoss
from p2o.objective.objective import Objective
from p2o.objective.regularizers import EntropyBonus, ForwardContextKL, ReferenceKL, Regularizer, ReverseContextKL
from p2o.objective.rows import TrainingSample

__all__ = [
    "Advantage",
    "Aggregation",
    "CISPOLoss",
    "Centred",
    "ClippedLoss",
    "ContextEstimator",
    "EngineCorrection",
    "EntropyBonus",
    "ExplorationBonus",
    "ForwardContextKL",
    "GSPOLoss",
    "GroupNormalized",
    "Importance",
    "LeaveOneOut",
    "Masked",
    "MaxRL",
    "NGRPOAdvantage",
    "NoAdvantage",
    "NoBonus",
    "NoCorrection",
    "Objective",
    "PolicyLoss",
    "ReferenceKL",
    "Regularizer",
    "Replace",
    "ReverseContextKL",
    "SequenceMean",
    "Templated",
    "TokenMean",
    "TrainingSample",
    "TruncatedImportance",
    "Weighted",
    "context_gaps",
    "final_answer",
]
