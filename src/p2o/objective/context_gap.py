"""How much a completion relies on its template: what the bare prompt makes of it."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.logprobs import completion_logps, scoring_path
from p2o.objective.micro_batches import by_tokens, equal_passes
from p2o.objective.rows import TrainingSample
from p2o.types import TemplateGap


@torch.no_grad()
def context_gaps(
    policy: PreTrainedModel, rows: Sequence[TrainingSample], temperature: float, tokens: int
) -> list[float | None]:
    """Δ = mean over t of log π(y_t|x) - log π(y_t|T(x, z)) of each row, in nats; None of a bare one.

    Below 0 where the bare policy would hardly have written the completion. It takes a pass of its own over both
    contexts.

    Args:
        policy: π.
        rows: At least one.
        temperature: Of the log-probabilities.
        tokens: Of one forward pass at most.
    """
    jobs = [(index, bare) for index, row in enumerate(rows) if not row.is_bare for bare in (True, False)]
    pairs = [(rows[index].prompt(bare), rows[index].completion_ids) for index, bare in jobs]
    parts = by_tokens(pairs, tokens, scoring_path(policy))
    for _ in range(equal_passes(policy, len(parts))):
        completion_logps(policy, [rows[0].prompt_ids], [rows[0].completion_ids], temperature)
    means: dict[tuple[int, bool], float] = {}
    for part in parts:
        prompts, completions = zip(*(pairs[place] for place in part), strict=True)
        logps = completion_logps(policy, prompts, completions, temperature)  # [R, T]
        for place, completion, line in zip(part, completions, logps, strict=True):
            means[jobs[place]] = float(line[: len(completion)].mean())
    return [None if row.is_bare else means[i, True] - means[i, False] for i, row in enumerate(rows)]


def gaps_of_successes(
    rows: Sequence[TrainingSample], log_ratio: Tensor, weights: Tensor, mask: Tensor, known: Sequence[bool]
) -> list[TemplateGap]:
    """Δ of each correct row that was sampled under a template, from log-probabilities that the update has anyway.

    Args:
        rows: R of them.
        log_ratio: log π(y_t|x) - log π(y_t|T(x, z)) [R, T].
        weights: m, of the context estimator [R, T].
        mask: True on completion tokens [R, T].
        known: Whether both are known of a row, R.
    """
    masked = (weights == 0).to(log_ratio.dtype)  # [R, T]
    added = (-log_ratio).clamp(min=0)  # [R, T], as `context_mask_stats` counts it
    sums = (torch.stack([log_ratio, masked, added, added * masked]) * mask).sum(-1)  # [4, R]
    gap, share = (sums[:2] / mask.sum(-1).clamp(min=1)).tolist()
    told = zip(rows, gap, share, *sums[2:].tolist(), known, strict=True)
    return [
        TemplateGap(row.template, gap, share, nats=nats, masked_nats=masked_nats)
        for row, gap, share, nats, masked_nats, is_known in told
        if row.template and row.correct and is_known
    ]


def by_template(gaps: Sequence[TemplateGap]) -> list[TemplateGap]:
    """The means over all completions under each template, and the sums of their nats.

    What is a mean already counts by its completions.
    """
    found: defaultdict[str, list[TemplateGap]] = defaultdict(list)
    for gap in gaps:
        found[gap.template].append(gap)
    joined = []
    for name, some in found.items():
        counts = [one.completions for one in some]
        means = fmean([one.gap for one in some], counts), fmean([one.masked for one in some], counts)
        nats = _total([one.nats for one in some]), _total([one.masked_nats for one in some])
        joined.append(TemplateGap(name, *means, sum(counts), *nats))
    return joined


def _total(nats: Sequence[float | None]) -> float | None:
    """The sum; None if some part of it was not counted."""
    counted = [one for one in nats if one is not None]
    return sum(counted) if len(counted) == len(nats) else None
