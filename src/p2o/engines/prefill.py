"""Reads prompts before decoding; what several of them begin with is read once, where that saves enough."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from p2o.engines.kv_cache import RowCache
from p2o.logprobs.forward_pass import accepted
from p2o.logprobs.packed_attention import packed_hidden
from p2o.logprobs.packing import Packed, pack
from p2o.logprobs.prefixes import Ids

# Of a padded batch's tokens, the share that packing must save. Gathering rows of packed tokens for attention costs 7 %
# of a forward pass of the quickstart's policy, 14 % of that of a single short prompt.
SAVED = 0.2


def read(policy: PreTrainedModel, prompts: Sequence[Ids], places: Sequence[int]) -> tuple[RowCache, Tensor, Tensor]:
    """Cache and mask [N, L] of rows that have read their prompts, aligned on the right; next tokens' logits [N, V].

    Args:
        policy: One that `packable` knows.
        prompts: Different ones.
        places: In `prompts`: which of them each of the N rows has.
    """
    packed = pack(prompts, [(0,)] * len(prompts)).to(policy.device)  # before a token that is not yet written
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=policy.device).unsqueeze(1)  # [P, 1]
    width = packed.rows.shape[1]
    positions = torch.arange(width, device=policy.device) - (width - lengths)  # [P, L], negative where there is none
    mask, positions = positions >= 0, positions.clamp(min=0)
    columns = packed.rows.gather(1, positions)  # [P, L], the packed token of each
    rows = torch.tensor(places, device=policy.device)
    if len(packed.ids) <= (1 - SAVED) * columns.numel():
        cache, logits = _read_packed(policy, packed, columns[rows])
    else:
        cache, logits = _read_padded(policy, packed.ids[columns], mask, positions)
        cache.keep(rows, 0)
    return cache, mask[rows], logits[rows]


def _read_packed(policy: PreTrainedModel, packed: Packed, columns: Tensor) -> tuple[RowCache, Tensor]:
    """The cache of the rows that have these tokens [N, L]; the logits of each prompt [P, V]."""
    tokens, cache = DynamicCache(), RowCache()
    hidden = packed_hidden(policy, packed, cache=tokens)  # [tokens, H]
    cache.spread(tokens, columns)
    logits: Tensor = policy.get_output_embeddings()(hidden[packed.predictors])
    return cache, logits


def _read_padded(policy: PreTrainedModel, ids: Tensor, mask: Tensor, positions: Tensor) -> tuple[RowCache, Tensor]:
    """Cache and logits [P, V] of each prompt."""
    cache = RowCache()
    arguments = accepted(policy, position_ids=positions, cache=cache, logits_to_keep=1)
    logits = policy(input_ids=ids, attention_mask=mask, **arguments).logits
    return cache, logits[:, -1]
