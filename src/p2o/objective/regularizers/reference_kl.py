"""A pull towards the policy before training."""

from torch import Tensor

from p2o.errors import InputError
from p2o.objective.regularizers.base import Regularizer
from p2o.objective.regularizers.divergence import k3


class ReferenceKL(Regularizer):
    """β·k3, an estimate of KL(π_θ ‖ π_ref): pulls towards the policy before training, as in GRPO.

    arXiv 2402.03300, Eq. 4; `policy/kl` is logged.

    Args:
        beta: β (GRPO: 0.04; the paper, DAPO and Dr.GRPO: no such term).
    """

    reads_reference = True
    reads_entropies = False

    def __init__(self, beta: float = 0.04) -> None:
        if beta <= 0:
            raise InputError(f"ReferenceKL needs beta > 0, got {beta}. Leave it out instead.")
        self.beta = beta

    def __call__(self, logps: Tensor, reference: Tensor, entropies: Tensor) -> Tensor:
        """The penalty of every token, β·k3, [R, T]."""
        return self.beta * k3(logps, reference)
