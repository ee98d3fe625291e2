"""How far two policies are apart at the tokens that one of them has sampled."""

from torch import Tensor
from torch.nn.functional import huber_loss

LIMIT = 20.0  # nats: beyond this difference at a token its pull grows no more


def k2(logps: Tensor, reference: Tensor) -> Tensor:
    """d²/2 with d = log π_θ - log π_ref, of any shape, in nats² (joschu.net/blog/kl-approx.html).

    Beyond `LIMIT` the line of that slope (Huber's loss): a token where the policies differ most pulls as strongly as
    one at the limit, no more, and no less.
    """
    return huber_loss(logps, reference, reduction="none", delta=LIMIT)


def k3(logps: Tensor, reference: Tensor) -> Tensor:
    """Schulman's non-negative estimate of KL(π_θ ‖ π_ref) at tokens of π_θ, of any shape, in nats.

    e^d - d - 1 with d = log π_ref - log π_θ (joschu.net/blog/kl-approx.html). Where d falls, and π_θ is sure of what
    the reference finds impossible, the slope nears -1 and needs no bound. Above `LIMIT` it is held at its value there,
    without a gradient: e^20 would outweigh all other tokens, and π_θ samples such a token once in e^20 times.
    """
    distance = (reference - logps).clamp(max=LIMIT)
    return distance.exp() - distance - 1
