"""How far two policies are apart at the tokens that one of them has sampled."""

from torch import Tensor

LIMIT = 20.0  # nats: what a token may differ by


def k3(logps: Tensor, reference: Tensor) -> Tensor:
    """Schulman's non-negative estimate of KL(π_θ ‖ π_ref) at tokens of π_θ, of any shape, in nats.

    e^d - d - 1 with d = log π_ref - log π_θ (joschu.net/blog/kl-approx.html).
    """
    distance = (reference - logps).clamp(-LIMIT, LIMIT)
    return distance.exp() - distance - 1
