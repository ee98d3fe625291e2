"""What the objective says of some rows: their part of the loss, and what to log of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from p2o.objective.context_mask import ContextMaskStats, no_context_mask_stats
from p2o.types import TemplateGap


@dataclass(frozen=True)
class Mean:
    """A mean that knows over how many tokens it is, so that means of parts can be joined."""

    value: float
    tokens: int


@dataclass(frozen=True)
class LossOutput:
    """The loss of some rows as a part of their mini-batch, and what to log of it."""

    loss: Tensor
    clipped: Mean  # share of tokens whose ratio left [1 - 0.2, 1 + 0.2]; 0 in the first step on a rollout batch
    entropy: Mean  # of the policy at each token, nats, under the prompt of the gradient
    # KL to the policy before training, likewise, of rows that were sampled under this prompt: k3 is an estimate at a
    # policy's own tokens alone. Of no token unless a regularizer reads that policy.
    kl: Mean
    context_mask_stats: ContextMaskStats  # which templated tokens the context estimator gave weight 0
    mismatch: Mean  # |log π_trainer - log π_engine| of sampled tokens, under the prompt they were sampled with
    mismatch_max: float  # the largest of them; 0 if there is none
    gaps: Sequence[TemplateGap] = ()  # of each correct row that was sampled under a template, where both are known
    context_kl: Mean = Mean(0.0, 0)  # log π_θ(y_t|x) - log π(y_t|T(x, z)) of bare rollouts y with a guide z


def mean_of(values: Tensor, mask: Tensor) -> Mean:
    """The mean of [R, T] over the tokens of a mask [R, T]."""
    tokens = int(mask.sum())
    return Mean(float(values[mask].float().mean()) if tokens else 0.0, tokens)


def output_metrics(parts: Sequence[LossOutput]) -> dict[str, float]:
    """What is logged of an update, over all its rows that were passed; what no token tells of is left out."""
    means = {
        "policy/clipped": join([part.clipped for part in parts]),
        "policy/context_kl": join([part.context_kl for part in parts]),
        "policy/entropy": join([part.entropy for part in parts]),
        "policy/kl": join([part.kl for part in parts]),
        "sampling_logp_difference/mean": join([part.mismatch for part in parts]),
    }
    metrics = {name: mean.value for name, mean in means.items() if mean.tokens}
    if (context_mask_stats := joined_context_mask_stats(parts)).tokens.any():
        metrics["policy/context_masked"] = context_mask_stats.share
    if "sampling_logp_difference/mean" in metrics:
        metrics["sampling_logp_difference/max"] = max(part.mismatch_max for part in parts)
    return metrics


def join(parts: Sequence[Mean]) -> Mean:
    """The mean over all tokens."""
    tokens = sum(part.tokens for part in parts)
    return Mean(sum(part.value * part.tokens for part in parts) / max(1, tokens), tokens)


def joined_context_mask_stats(parts: Sequence[LossOutput]) -> ContextMaskStats:
    """The counts over all rows."""
    return sum((part.context_mask_stats for part in parts), start=no_context_mask_stats())
