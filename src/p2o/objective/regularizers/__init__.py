"""Terms that are added to the loss of each token, whatever its advantage."""

from p2o.objective.regularizers.base import Regularizer, Weights
from p2o.objective.regularizers.context_kl import ForwardContextKL, ReverseContextKL
from p2o.objective.regularizers.divergence import k3
from p2o.objective.regularizers.entropy_bonus import EntropyBonus
from p2o.objective.regularizers.reference_kl import ReferenceKL

__all__ = ["EntropyBonus", "ForwardContextKL", "ReferenceKL", "Regularizer", "ReverseContextKL", "Weights", "k3"]
