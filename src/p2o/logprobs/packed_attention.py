"""Attention for packed rows: it sees whole rows, while everything else in a model sees each token once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, Cache, PreTrainedModel

from p2o.logprobs.forward_pass import accepted
from p2o.logprobs.onednn_linear import fast_products
from p2o.logprobs.packing import Packed

NAME = "p2o_shared_prompts"
HARMLESS = {
    "position_ids",
    "use_cache",
    "cache",
    "past_key_values",
    "is_causal",
    "output_attentions",
    "output_hidden_states",
}


class UnknownAttentionError(Exception):
    """A model asks its attention for something that is not known here."""


def packed_hidden(
    policy: PreTrainedModel, packed: Packed, embedded: Tensor | None = None, cache: Cache | None = None
) -> Tensor:
    """Last hidden states of the packed tokens [N, H], right before the head.

    Args:
        policy: The policy whose hidden states they are.
        packed: The tokens, as `pack` lays them out.
        embedded: Their embeddings [N, H]; the policy's own if none are given.
        cache: An empty one, which takes their keys and values as those of a single row.
    """
    tokens = {"input_ids": packed.ids} if embedded is None else {"inputs_embeds": embedded}
    with _packed_pass(policy):
        output = policy.base_model(
            **{name: value.unsqueeze(0) for name, value in tokens.items()},
            **accepted(policy.base_model, cache=cache),
            position_ids=packed.positions.unsqueeze(0),
            use_cache=cache is not None,
            packed=packed,
        )
    hidden: Tensor = output.last_hidden_state[0]
    return hidden


def recompute_activations(policy: PreTrainedModel) -> None:
    """Has layers computed again in the backward pass, under the attention that they were first computed under."""
    # Of the two kinds in torch, the reentrant one breaks under DDP.
    arguments = {"use_reentrant": False, "context_fn": partial(_once_and_again, policy)}
    if hasattr(policy, "activation_checkpointing_enable"):  # transformers' name for it since 5.24
        policy.activation_checkpointing_enable(arguments)
    else:
        policy.gradient_checkpointing_enable(arguments)


def _once_and_again(policy: PreTrainedModel) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Contexts for a layer's forward pass and for its repetition, which runs when packed attention has been left."""
    packed = policy.base_model.config._attn_implementation == NAME
    return nullcontext(), _packed_pass(policy) if packed else nullcontext()


@contextmanager
def _packed_pass(policy: PreTrainedModel) -> Iterator[None]:
    """Within, the policy's layers attend by `_attend`, for which transformers makes no mask, and it needs none.

    Products are the fast ones.
    """
    config = policy.base_model.config
    before, config._attn_implementation = config._attn_implementation, NAME
    try:
        with fast_products(policy):
            yield
    finally:
        config._attn_implementation = before


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    packed: Packed | None = None,
    **others: Any,  # noqa: ANN401 (whatever a model hands to its attention)
) -> tuple[Tensor, None]:
    """Causal attention in each row; q [1, H, N, D], k and v [1, G, N, D] -> [1, N, H, D].

    Rows are padded on the right, where causal attention never looks, so that no mask is needed and the fast kernels
    apply. A prompt's attention is computed in each of its rows; only that, not its projections and its MLPs.
    """
    if packed is None:
        raise UnknownAttentionError("a layer does not hand on what its model is given for attention")
    if unknown := {name for name, thing in others.items() if thing is not None} - HARMLESS:
        raise UnknownAttentionError(", ".join(sorted(unknown)))
    q, k, v = (_to_rows(tensor[0].transpose(0, 1), packed).transpose(1, 2) for tensor in (query, key, value))
    grouped = query.shape[1] != key.shape[1]
    attended = scaled_dot_product_attention(
        q, k, v, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=grouped
    )  # [R, H, L, D]
    return _from_rows(attended.transpose(1, 2), packed).unsqueeze(0), None


AttentionInterface.register(NAME, _attend)


def _to_rows(tokens: Tensor, packed: Packed) -> Tensor:
    rows: Tensor = _ToRows.apply(tokens, packed)  # type: ignore[no-untyped-call]
    return rows


def _from_rows(rows: Tensor, packed: Packed) -> Tensor:
    tokens: Tensor = _FromRows.apply(rows, packed)  # type: ignore[no-untyped-call]
    return tokens


class _ToRows(torch.autograd.Function):
    """[N, H, D] -> [R, L, H, D]; torch's own gradient of indexing adds token by token, which is slow on CPU."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, packed: Packed) -> Tensor:  # noqa: ANN401 (torch's context)
        ctx.packed = packed
        return tokens[packed.rows]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        packed, flat = ctx.packed, grads[0].flatten(0, 1)  # [R·L, H, D]
        # On CUDA, sums of bfloat16 stop growing where many rows share a prompt.
        wide = torch.promote_types(flat.dtype, torch.float32)
        sums = flat[packed.places].to(wide).index_add_(0, packed.again_of, flat[packed.again].to(wide))
        return sums.to(flat.dtype), None


class _FromRows(torch.autograd.Function):
    """[R, L, H, D] -> [N, H, D]."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, packed: Packed) -> Tensor:  # noqa: ANN401
        ctx.packed, ctx.shape = packed, rows.shape
        return rows.flatten(0, 1)[packed.places]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        flat = grads[0].new_zeros(ctx.shape).flatten(0, 1)
        flat[ctx.packed.places] = grads[0]
        return flat.unflatten(0, ctx.shape[:2]), None
