"""A push against a collapse of entropy."""

from torch import Tensor

from p2o.errors import InputError
from p2o.objective.regularizers.base import Regularizer


class EntropyBonus(Regularizer):
    """-c·H(π_θ(·|y_<t)), over the whole vocabulary at the temperature of the rollouts: against a collapse of entropy.

    PPO's entropy bonus (arXiv 1707.06347, Eq. 9).

    Args:
        coefficient: c (the paper: no such term).
    """

    reads_reference = False
    reads_entropies = True

    def __init__(self, coefficient: float = 0.001) -> None:
        if coefficient <= 0:
            raise InputError(f"EntropyBonus needs coefficient > 0, got {coefficient}. Leave it out instead.")
        self.coefficient = coefficient

    def __call__(self, logps: Tensor, reference: Tensor, entropies: Tensor) -> Tensor:
        """The penalty of every token, -c·H, [R, T]."""
        return -self.coefficient * entropies
