"""A pull towards the policy before training."""

from torch import Tensor

from p2o.errors import InputError
from p2o.objective.regularizers.base import Regularizer
from p2o.objective.regularizers.divergence import k3


class ReferenceKL(Regularizer):
    """β·k3, an estimate of KL(π_θ ‖ π_ref): pulls towards the policy before training, as in GRPO.

    arXiv 2402.03300, Eq. 4. An estimate it is at tokens that π_θ sampled under the prompt that they are scored under. A
    templated completion of P²O is scored under the bare prompt: there the pull has the right target, π_ref under x, but
    is weighed by how often the templated policy writes a token, which says nothing of the KL's size. `policy/kl` is
    logged, of completions that were sampled under the prompt of the gradient: the bare ones, or all with `Templated`.

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
