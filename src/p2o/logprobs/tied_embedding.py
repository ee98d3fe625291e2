"""The gradient of a weight that is both embedding and head, made once."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


class TiedGradient:
    """Takes the gradient that the head has for the weight; the embedding, whose turn comes last, adds its rows to it.

    Autograd would make two gradients of the weight's size and hold the head's while all layers go backward.
    """

    def __init__(self) -> None:
        self.of_head: Tensor | None = None

    def take(self, weight: Tensor) -> Tensor:
        """Returns the gradient that the head has left and forgets it; zeros [V, H] if there is none."""
        grad, self.of_head = self.of_head, None
        return torch.zeros_like(weight) if grad is None else grad.to(weight.dtype)


def is_tied(policy: PreTrainedModel) -> bool:
    """Whether embedding and head are one weight, and the embedding does nothing but look it up."""
    embedding = policy.get_input_embeddings()
    plain = type(embedding) is nn.Embedding and embedding.max_norm is None
    return plain and embedding.weight is policy.get_output_embeddings().weight


def embed(embedding: nn.Embedding, ids: Tensor, gradient: TiedGradient) -> Tensor:
    """The embeddings [N, H] of ids [N]; a padding id has no gradient, as in torch."""
    rows: Tensor = _Embed.apply(embedding.weight, ids, embedding.padding_idx, gradient)  # type: ignore[no-untyped-call]
    return rows


class _Embed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's context)
        weight: Tensor,
        ids: Tensor,
        padding: int | None,
        gradient: TiedGradient,
    ) -> Tensor:
        ctx.save_for_backward(weight, ids)
        ctx.padding, ctx.gradient = padding, gradient
        return weight[ids]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        weight, ids = ctx.saved_tensors
        # On CUDA, sums of bfloat16 stop growing where a token is frequent.
        rows = grads[0].to(torch.promote_types(weight.dtype, torch.float32))
        if ctx.padding is not None:
            rows = rows.masked_fill(ids.eq(ctx.padding).unsqueeze(1), 0.0)
        seen, places = ids.unique(return_inverse=True)
        sums = rows.new_zeros(len(seen), rows.shape[1]).index_add_(0, places, rows)
        return ctx.gradient.take(weight).index_add_(0, seen, sums.to(weight.dtype)), None, None, None
