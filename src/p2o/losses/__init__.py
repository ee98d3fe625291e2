"""Policy losses: log-probs and advantages in, a loss for each token out."""

from p2o.losses.base import PolicyLoss
from p2o.losses.cispo import CISPOLoss
from p2o.losses.clipped import ClippedLoss
from p2o.losses.log_likelihood import LogLikelihood
from p2o.losses.sequence_ratio import SequenceRatioLoss

__all__ = ["CISPOLoss", "ClippedLoss", "LogLikelihood", "PolicyLoss", "SequenceRatioLoss"]
