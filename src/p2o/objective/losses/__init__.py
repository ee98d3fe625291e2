"""Policy losses: log-probs and advantages in, a loss for each token out."""

from p2o.objective.losses.base import PolicyLoss
from p2o.objective.losses.cispo import CISPOLoss
from p2o.objective.losses.clipped import ClippedLoss
from p2o.objective.losses.gspo import GSPOLoss
from p2o.objective.losses.log_likelihood import LogLikelihood

__all__ = ["CISPOLoss", "ClippedLoss", "GSPOLoss", "LogLikelihood", "PolicyLoss"]
