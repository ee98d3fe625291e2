"""How much a completion relies on its template: what the bare prompt makes of it."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from p2o.logprobs import completion_logps
from p2o.objective.micro_batches import by_tokens, equal_passes
from p2o.objective.rows import TrainingSample


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
    parts = by_tokens(pairs, tokens)
    for _ in range(equal_passes(policy, len(parts))):
        completion_logps(policy, [rows[0].prompt_ids], [rows[0].completion_ids], temperature)
    means: dict[tuple[int, bool], float] = {}
    for part in parts:
        prompts, completions = zip(*(pairs[place] for place in part), strict=True)
        logps = completion_logps(policy, prompts, completions, temperature)  # [R, T]
        for place, completion, line in zip(part, completions, logps, strict=True):
            means[jobs[place]] = float(line[: len(completion)].mean())
    return [None if row.is_bare else means[i, True] - means[i, False] for i, row in enumerate(rows)]
