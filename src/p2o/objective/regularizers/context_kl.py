"""On-policy context distillation: the bare policy is pulled towards itself under a template, on its own completions."""

from torch import Tensor

from p2o.errors import InputError
from p2o.objective.regularizers.base import Regularizer, Weights
from p2o.objective.regularizers.divergence import k2, k3


class ContextKL(Regularizer):
    """A divergence between π_θ(y_t|x) and the policy that also sees the guide z, π(y_t|T(x, z)), of a bare rollout y.

    The guide is the template that the question carries and that the rollout was left bare of (`data.bare_rollouts`);
    rollouts without one have no such term. The guided policy has no gradient. Both are at the temperature of the
    rollouts.

    Args:
        beta: What the divergence is multiplied by.
        weights: Of the guided policy: `current`, those of the moment, `initial`, those before training, or `average`,
            an exponential moving average of them that begins as those before training: a copy more in memory and in
            every checkpoint.
        decay: What the average keeps of itself at each optimizer step, from 0 to below 1 (0.99: a hundred steps back).
    """

    reads_reference = True
    reads_entropies = False
    guided = True

    def __init__(self, beta: float = 1.0, weights: Weights = "current", decay: float = 0.99) -> None:
        if beta <= 0:
            raise InputError(f"{type(self).__name__} needs beta > 0, got {beta}. Leave it out instead.")
        if not 0 <= decay < 1:
            raise InputError(f"{type(self).__name__} needs a decay from 0 to below 1, got {decay}.")
        self.beta, self.weights, self.decay = beta, weights, decay


class ReverseContextKL(ContextKL):
    """β·k2, k2 = d²/2 with d = log π_θ(y_t|x) - log π(y_t|T(x, z)): the reverse KL of OPCD (arXiv 2602.12275).

    One sampled token stands for the whole vocabulary. The gradient of k2, d·∇log π_θ, is in expectation over
    y_t ~ π_θ(·|x) that of KL(π_θ(·|x) ‖ π(·|T(x, z))) at each token; k1 has none, and that of k3 is the forward KL's.
    What the next tokens become does not count, and with a second update on the same rollouts the expectation is over
    the policy of the first. Where |d| is above 20 nats the factor d stays at 20 (`k2`). Abstract read.
    """

    def __call__(self, logps: Tensor, reference: Tensor, entropies: Tensor) -> Tensor:
        """The penalty of every token, β·k2, [R, T]."""
        return self.beta * k2(logps, reference)


class ForwardContextKL(ContextKL):
    """β·k3, k3 = e^-d + d - 1: its gradient is in expectation that of KL(π(·|T(x, z)) ‖ π_θ(·|x)), SDFT's direction.

    On the bare policy's own completions, where SDFT (arXiv 2601.19897) samples as well; sampled as in
    `ReverseContextKL`. Where d is below -20 nats, at tokens that π_θ hardly ever samples, there is no gradient (`k3`).
    """

    def __call__(self, logps: Tensor, reference: Tensor, entropies: Tensor) -> Tensor:
        """The penalty of every token, β·k3, [R, T]."""
        return self.beta * k3(logps, reference)
