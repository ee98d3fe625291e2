"""A pull towards the policy before training."""

from torch import Tensor

from p2o.errors import InputError
from p2o.objective.regularizers.base import Regularizer


class ReferenceKL(Regularizer):
    """β·k3, k3 = e^d - d - 1 with d = log π_ref - log π_θ: pulls towards the policy before training.

    Schulman's non-negative estimate of KL(π_θ ‖ π_ref) (joschu.net/blog/kl-approx.html), as in GRPO (arXiv 2402.03300,
    Eq. 4).

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
        distance = (reference - logps).clamp(-20, 20)
        return self.beta * (distance.exp() - distance - 1)
