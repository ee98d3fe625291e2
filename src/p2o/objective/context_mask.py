"""Which templated tokens the context estimator masked, and where in the completion they stand."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

PARTS = 5  # a completion is looked at in fifths, the first tokens in part 0


@dataclass(frozen=True)
class ContextMaskStats:
    """Counts of templated tokens by fifth of their completion."""

    tokens: Tensor  # [PARTS]
    below: Tensor  # [PARTS]; masked, and less likely under the bare prompt than under the template
    above: Tensor  # [PARTS]; masked, and more likely
    gap: float  # Σ of what the template adds to the log-probs of tokens, where it adds; nats
    masked_gap: float  # of it, on masked tokens

    def __add__(self, other: "ContextMaskStats") -> "ContextMaskStats":
        """The counts of two micro-batches together."""
        return ContextMaskStats(
            self.tokens + other.tokens,
            self.below + other.below,
            self.above + other.above,
            self.gap + other.gap,
            self.masked_gap + other.masked_gap,
        )

    @property
    def share(self) -> float:
        """Share of the tokens that is masked, 0-1; 0 if there are none."""
        return int((self.below + self.above).sum()) / max(1, int(self.tokens.sum()))

    def shares(self) -> dict[str, tuple[float, int]]:
        """Shares (0-1) masked, with what each counts in a mean: below and above, of all and of each fifth that has any.

        Shares of tokens count by these. `masked_gap` is the share of the gap between the contexts that is masked, what
        a template taught and the gradient never sees: it counts by that gap, in thousandths of a nat, since Lightning
        weighs by whole numbers.
        """
        found: dict[str, tuple[float, int]] = {}
        for side, counts in (("below", self.below), ("above", self.above)):
            if total := int(self.tokens.sum()):
                found[side] = (int(counts.sum()) / total, total)
            for part, (count, tokens) in enumerate(zip(counts.tolist(), self.tokens.tolist(), strict=True), 1):
                if tokens:
                    found[f"{side}_fifth_{part}"] = (count / tokens, tokens)
        if 0 < self.gap < math.inf:  # a step that is not finite tells of none
            found["masked_gap"] = (self.masked_gap / self.gap, max(1, round(1000 * self.gap)))
        return found


def no_context_mask_stats() -> ContextMaskStats:
    """The counts of no token."""
    none = torch.zeros(PARTS, dtype=torch.long)
    return ContextMaskStats(none, none, none, 0.0, 0.0)


def context_mask_stats(weights: Tensor, log_ratio: Tensor, mask: Tensor, templated: Tensor) -> ContextMaskStats:
    """Counts of one micro-batch.

    Args:
        weights: m, [R, T].
        log_ratio: log of the context ratio, [R, T].
        mask: [R, T], true on completion tokens, which come first in a row.
        templated: [R, 1], true for rows that were sampled under a template.
    """
    lengths = mask.sum(dim=1, keepdim=True).clamp(min=1)  # [R, 1]
    positions = torch.arange(mask.shape[1], device=mask.device)  # [T]
    parts = (positions * PARTS // lengths).clamp(max=PARTS - 1)  # [R, T]
    counted = mask & templated
    masked = counted & (weights == 0)

    def count(chosen: Tensor) -> Tensor:
        return torch.bincount(parts[chosen], minlength=PARTS).cpu()

    added = (-log_ratio).clamp(min=0)  # [R, T], log π(y|x̃) - log π(y|x) where the template adds
    return ContextMaskStats(
        count(counted),
        count(masked & (log_ratio < 0)),
        count(masked & (log_ratio >= 0)),
        float(added[counted].sum()),
        float(added[masked].sum()),
    )
