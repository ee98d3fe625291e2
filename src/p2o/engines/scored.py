"""Log-probabilities of completions by some way to score them, as one row of numbers that can be compared."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.logprobs import Ids
from p2o.types import Completion

Score = Callable[[PreTrainedModel, Sequence[Ids], Sequence[Ids], float], Tensor]


def scored(
    policy: PreTrainedModel,
    score: Score,
    prompts: Sequence[Ids],
    completions: Sequence[Completion],
    temperature: float,
) -> Tensor:
    """Log-probabilities of all tokens of the completions, one behind the other [N], on the CPU.

    The policy is in evaluation mode for it, as in a rollout.

    Args:
        policy: Scores them.
        score: One of the functions of `p2o.logprobs`, [R, T].
        prompts: Of each completion.
        completions: Whose tokens are scored.
        temperature: 0, of greedy completions, means 1 as it does in engines.
    """
    was_training = policy.training
    policy.eval()
    try:
        lines = score(policy, prompts, [completion.ids for completion in completions], temperature or 1.0)
    finally:
        policy.train(was_training)
    kept = [line[: len(completion.ids)] for line, completion in zip(lines, completions, strict=True)]
    return torch.cat(kept).float().cpu()
