"""Context estimators: what the gradient under the bare x makes of a completion that was sampled under x̃ = T(x, z).

Exactly one is active. Rows that were sampled bare have x̃ = x, so all four agree on them: weight 1, plain GRPO.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from p2o.errors import InputError


class ContextEstimator(ABC):
    """Says which log-probs the loss compares, and how much each token counts.

    `bare_gradient`: whether π_θ is scored under x (distillation) or under x̃.
    `reads_bare`, `reads_templated`: which of π_old(y|x), π_old(y|x̃) it looks at, so that no pass is run for nothing;
    both, unless it says otherwise.
    """

    bare_gradient: bool = True
    reads_bare: bool = True
    reads_templated: bool = True

    @abstractmethod
    def __call__(self, bare: Tensor, templated: Tensor) -> tuple[Tensor, Tensor]:
        """log π_old(y|x) [R, T] and log π_old(y|x̃) [R, T] -> old log-probs of the ratio [R, T], weights m [R, T].

        What the estimator does not read may hold anything.
        """


class Masked(ContextEstimator):
    """ρ = π_θ(y|x)/π_old(y|x); a token counts iff low <= π_old(y_t|x)/π_old(y_t|x̃) <= high.

    The context-ratio mask of the released scripts and of v4 of the paper: tokens that the template made much more or
    much less likely than the bare prompt does are not learnt from. The mask is constant and never a factor. Without a
    lower bound, what a template makes likely is learnt however rare it is bare: with the released one a real language
    model never wrote the mark that its templates taught (docs/results.md, "A mark that the model never writes").

    Args:
        low: Lower bound of the context ratio (released scripts: 0.01).
        high: Upper bound of the context ratio (released scripts: 10).
    """

    reads_bare = True
    reads_templated = True

    def __init__(self, low: float = 0.0, high: float = 10.0) -> None:
        if not 0 <= low < high:
            raise InputError(f"Masked needs 0 <= low < high, got low {low} and high {high}.")
        self.low = low
        self.high = high

    def __call__(self, bare: Tensor, templated: Tensor) -> tuple[Tensor, Tensor]:
        """Old log-probs under x, and the mask of the context ratio."""
        ratio = (bare - templated).exp()  # [R, T]
        return bare, ((ratio >= self.low) & (ratio <= self.high)).to(bare.dtype)


class Replace(ContextEstimator):
    """ρ = π_θ(y|x)/π_old(y|x), every token counts: x simply takes the place of x̃ (paper v1-v3, Eq. 4)."""

    reads_bare = True
    reads_templated = False

    def __call__(self, bare: Tensor, templated: Tensor) -> tuple[Tensor, Tensor]:
        """Old log-probs under x, weight 1."""
        return bare, torch.ones_like(bare)


class Weighted(ContextEstimator):
    """ρ = π_θ(y|x)/π_old(y|x); a token weighs as much as the context ratio, kept within bounds, and none is left out.

    Where `Masked` drops a token that the bare prompt makes a thousand times less likely, such as the opening of a new
    format, this one learns from it with the weight `low`.

    Args:
        low: Least weight of a token, above 0 and at most 1.
        high: Largest weight of a token, at least 1: what was sampled bare has a context ratio of 1.
    """

    reads_bare = True
    reads_templated = True

    def __init__(self, low: float = 0.1, high: float = 1.0) -> None:
        if not 0 < low <= 1 <= high:
            raise InputError(f"Weighted needs 0 < low <= 1 <= high, got low {low} and high {high}.")
        self.low = low
        self.high = high

    def __call__(self, bare: Tensor, templated: Tensor) -> tuple[Tensor, Tensor]:
        """Old log-probs under x, and the bounded context ratio."""
        ratio = (bare - templated).exp().clamp(self.low, self.high)  # [R, T]
        return bare, ratio


class Importance(ContextEstimator):
    """ρ = π_θ(y|x)/π_old(y|x̃), clipped by the loss: the true importance ratio of what was sampled.

    The released code's `fix_importance_ratio`; Guide-GRPO (arXiv 2506.13923) has the same shape.
    """

    reads_bare = False
    reads_templated = True

    def __call__(self, bare: Tensor, templated: Tensor) -> tuple[Tensor, Tensor]:
        """Old log-probs under x̃, weight 1."""
        return templated, torch.ones_like(templated)


class Templated(ContextEstimator):
    """ρ = π_θ(y|x̃)/π_old(y|x̃): no distillation, the paper's ablation (55.6 % against 65.2 %)."""

    bare_gradient = False
    reads_bare = False
    reads_templated = True

    def __call__(self, bare: Tensor, templated: Tensor) -> tuple[Tensor, Tensor]:
        """Old log-probs under x̃, weight 1."""
        return templated, torch.ones_like(templated)
