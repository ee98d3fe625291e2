"""GSPO: one ratio for a whole completion."""

import torch
from torch import Tensor

from p2o.errors import InputError
from p2o.objective.losses.base import PolicyLoss, pessimistic, ratio_of


class GSPOLoss(PolicyLoss):
    """GSPO: PPO's clipped loss on s = (π_θ(y|x) / π_old(y|x))^(1/|y|) (arXiv 2507.18071, §4.1).

    Written token by token as the paper's GSPO-token (§4.3), s_t = sg[s] · π_θ(y_t) / sg[π_θ(y_t)]: value and gradient
    are those of GSPO when all tokens count, and a token that the context estimator silences has no gradient. GSPO
    averages completions: use it with `SequenceMean`.

    Args:
        epsilon_low: How far s may fall below 1 (GSPO: 3e-4).
        epsilon_high: How far s may rise above 1 (GSPO: 4e-4).
    """

    def __init__(self, epsilon_low: float = 3e-4, epsilon_high: float = 4e-4) -> None:
        if not (0 <= epsilon_low < 1 and epsilon_high >= 0):
            raise InputError(
                f"GSPOLoss needs 0 <= epsilon_low < 1 and epsilon_high >= 0, got {epsilon_low} and {epsilon_high}."
            )
        self.epsilon_low = epsilon_low
        self.epsilon_high = epsilon_high

    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        """Losses [R, T]: the completion's loss at each of its tokens."""
        log_ratio = torch.where(mask, logps - old_logps, torch.zeros_like(logps)).detach()  # [R, T]
        sequence = log_ratio.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True)  # log s [R, 1]
        ratio = ratio_of(sequence + (logps - logps.detach()))  # [R, T]: s in value, each token's own gradient
        return pessimistic(ratio, advantages, self.epsilon_low, self.epsilon_high)
