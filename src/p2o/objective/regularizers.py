"""Terms that are added to the loss of each token, whatever its advantage."""

from abc import ABC, abstractmethod

from torch import Tensor

from p2o.errors import InputError


class Regularizer(ABC):
    """A term of the loss of each token, taken under the prompt of the gradient.

    With a regularizer, rollouts without signal have a gradient and are kept in the pass.

    `reads_reference`, `reads_entropies`: what it looks at, so that nothing is computed for nothing.
    """

    reads_reference: bool
    reads_entropies: bool

    @abstractmethod
    def __call__(self, logps: Tensor, reference: Tensor, entropies: Tensor) -> Tensor:
        """Terms [R, T] from log π_θ(y_t), log π_ref(y_t) and the entropy of π_θ at each token (nats), all [R, T].

        What the regularizer does not read may hold anything.
        """


def k3(logps: Tensor, reference: Tensor) -> Tensor:
    """Schulman's non-negative estimate of KL(π_θ ‖ π_ref) at tokens of π_θ, of any shape, in nats.

    e^d - d - 1 with d = log π_ref - log π_θ (joschu.net/blog/kl-approx.html).
    """
    distance = (reference - logps).clamp(-20, 20)
    return distance.exp() - distance - 1


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
