"""The policy's own forward pass, on padded rows or a row at a time: what packed rows are tested against.

Padding is right for architectures whose layers heed the mask. What a recurrent layer carries from token to token may
run through padding all the same, and some models compute differently beside other rows; a row at a time is right for
every causal model, and slow.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from p2o.logprobs.prefixes import Ids


def accepted(model: nn.Module, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever models take)
    """Those of the arguments that the model's forward pass names; others would go astray in its `**kwargs`.

    Some architectures know no positions, or no way to keep a part of the logits only. The key-value cache is given as
    `cache` here; releases of transformers before 5.24 call it `past_key_values`.
    """
    named = inspect.signature(model.forward).parameters
    if "cache" in arguments and "cache" not in named and "past_key_values" in named:
        arguments["past_key_values"] = arguments["cache"]
    return {name: value for name, value in arguments.items() if name in named}


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
    return _chosen(distributions, completions), torch.stack([_entropies(row) for row in distributions])


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
    count = completion_ids.shape[1]
    arguments = accepted(
        policy,
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=count + 1,
    )
    logits = policy(**arguments).logits[:, -count - 1 : -1]  # [R, T, V]: the position before a token predicts it
    distributions: Tensor = (logits.float() / temperature).log_softmax(-1)
    return distributions


def _chosen(distributions: Tensor, completions: Sequence[Ids]) -> Tensor:
    """The log-prob of each token of the completions [R, T]."""
    targets = pad(completions, left=False)[0].to(distributions.device).unsqueeze(-1)  # [R, T, 1]
    return distributions.gather(-1, targets).squeeze(-1)


def unpadded_logps(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> Tensor:
    """log π(y_t | prompt, y_<t) at a temperature [R, T], each row in a forward pass of its own."""
    return unpadded_logps_and_entropies(policy, prompts, completions, temperature)[0]


def unpadded_logps_and_entropies(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> tuple[Tensor, Tensor]:
    """`unpadded_logps` [R, T], and the entropy (nats) of the distribution that each token was drawn from [R, T]."""
    rows = [_row(policy, *row, temperature) for row in zip(prompts, completions, strict=True)]
    logps, entropies = (pad_sequence(list(lines), batch_first=True) for lines in zip(*rows, strict=True))
    return logps, entropies


def _row(policy: PreTrainedModel, prompt: Ids, completion: Ids, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies of one completion, [T] each."""
    count = len(completion)
    ids = torch.tensor([prompt + completion], device=policy.device)  # [1, P+T]
    logits = policy(**accepted(policy, input_ids=ids, use_cache=False, logits_to_keep=count + 1)).logits
    distributions = (logits[0, -count - 1 : -1].float() / temperature).log_softmax(-1)  # [T, V]
    return distributions.gather(-1, ids[0, -count:].unsqueeze(-1)).squeeze(-1), _entropies(distributions)


def _entropies(distributions: Tensor) -> Tensor:
    """The entropies [T] of log-probs [T, V]: a row at a time, so that no second [R, T, V] is made."""
    return -(distributions.exp() * distributions).sum(-1)
