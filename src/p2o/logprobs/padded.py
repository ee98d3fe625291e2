"""Log-probabilities of given completions under given prompts, by the policy's own forward pass on padded rows.

Right for every architecture, and what the packed path is tested against.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.logprobs.prefixes import Ids


def pad(rows: Sequence[Ids], left: bool) -> tuple[Tensor, Tensor]:
    """Ragged ids -> ids [R, L] and mask [R, L]; padding has id 0 and mask 0."""
    length = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for index, row in enumerate(rows):
        start = length - len(row) if left else 0
        ids[index, start : start + len(row)] = torch.tensor(row)
        mask[index, start : start + len(row)] = 1
    return ids, mask


def padded_logps(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> Tensor:
    """log π(y_t | prompt, y_<t) at a temperature [R, T]; T: the longest completion; what lies beyond y is arbitrary."""
    return _chosen(_distributions(policy, prompts, completions, temperature), completions)


def padded_logps_and_entropies(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> tuple[Tensor, Tensor]:
    """`padded_logps` [R, T], and the entropy (nats) of the distribution that each token was drawn from [R, T]."""
    distributions = _distributions(policy, prompts, completions, temperature)
    return _chosen(distributions, completions), -(distributions.exp() * distributions).sum(-1)


def _distributions(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> Tensor:
    """Log-probs of the whole vocabulary at each completion token [R, T, V].

    Prompts are padded on the left and completions on the right, so that the completions of all rows are aligned and
    only their positions reach the head.
    """
    prompt_ids, prompt_mask = pad(prompts, left=True)  # [R, P]
    completion_ids, completion_mask = pad(completions, left=False)  # [R, T]
    ids = torch.cat([prompt_ids, completion_ids], dim=1).to(policy.device)  # [R, P+T]
    mask = torch.cat([prompt_mask, completion_mask], dim=1).to(policy.device)
    logits = policy(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=completion_ids.shape[1] + 1,
    ).logits[:, :-1]  # [R, T, V]: the position before a token predicts it
    distributions: Tensor = (logits.float() / temperature).log_softmax(-1)
    return distributions


def _chosen(distributions: Tensor, completions: Sequence[Ids]) -> Tensor:
    """The log-prob of each token of the completions [R, T]."""
    targets = pad(completions, left=False)[0].to(distributions.device).unsqueeze(-1)  # [R, T, 1]
    return distributions.gather(-1, targets).squeeze(-1)
