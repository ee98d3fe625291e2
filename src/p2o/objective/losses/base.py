"""What a policy loss is."""

from abc import ABC, abstractmethod

from torch import Tensor


class PolicyLoss(ABC):
    """A loss for each token of each completion; how tokens are averaged is the aggregation's business."""

    @abstractmethod
    def __call__(self, logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        """One loss for each token.

        Args:
            logps: Log-probs under π_θ [R, T].
            old_logps: Log-probs under π_old [R, T].
            advantages: A, one for each row [R, 1].
            mask: True on completion tokens [R, T]; what lies beyond them may hold anything.

        Returns:
            Losses [R, T]. That of a row with A = 0 must be 0, since such rows are left out of the pass.
        """


def ratio_of(log_ratio: Tensor) -> Tensor:
    """ρ from log ρ, any shape; clamped, since e^89 is infinite in float32."""
    return log_ratio.clamp(-20, 20).exp()


def pessimistic(ratio: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """PPO's max(-Aρ, -A·clip(ρ, 1-low, 1+high)): ratios [R, T] and advantages [R, 1] -> losses [R, T]."""
    return (-advantages * ratio).maximum(-advantages * ratio.clamp(1 - low, 1 + high))
