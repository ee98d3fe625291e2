"""Log-probabilities and entropies straight from hidden states, without ever holding all logits."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from p2o.logprobs.onednn_linear import product
from p2o.logprobs.tied_embedding import TiedGradient

TILE = 2**25  # logits at a time: 128 MiB in float32
KEPT = 2**25  # probabilities kept for the backward pass at most: they save it one of its three products


def fused_logps(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    temperature: float,
    entropy: bool = False,
    tied: TiedGradient | None = None,
) -> tuple[Tensor, Tensor]:
    """log softmax(hidden · weightᵀ / temperature) at the targets, and the entropies, [N] each, in float32.

    Memory does not grow with N × V: logits are made tile by tile, and again in the backward pass if they were not kept.

    Args:
        hidden: [N, H].
        weight: Of the head, [V, H].
        targets: [N], in [0, V).
        temperature: Above 0.
        entropy: Whether entropies are wanted; without, they are zeros. They cost the backward pass nothing unless a
            gradient comes through them.
        tied: Takes the weight's gradient, which then comes from the embedding.
    """
    keep = torch.is_grad_enabled()
    both: tuple[Tensor, Tensor] = _FusedLogps.apply(hidden, weight, targets, temperature, entropy, keep, tied)  # type: ignore[no-untyped-call]
    return both


class _FusedLogps(torch.autograd.Function):
    """With p = softmax(z): ∂ log p_t / ∂z = 1_t - p, and ∂H / ∂z = -p (log p + H)."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's context)
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        temperature: float,
        entropy: bool,
        keep: bool,
        tied: TiedGradient | None,
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        device = hidden.device.type
        if torch.is_autocast_enabled(device):  # the backward pass runs outside of autocast: settle the type here
            hidden, weight = (tensor.to(torch.get_autocast_dtype(device)) for tensor in (hidden, weight))
        logps, entropies = hidden.new_zeros(2, len(hidden), dtype=torch.float32)
        ctx.kept = {}
        for rows in _tiles(len(hidden), len(weight)):
            logits = _logits(hidden[rows], weight, temperature)  # [n, V]
            chosen = logits.gather(1, targets[rows, None])  # [n, 1]
            top, total = _exponentiate(logits)
            logps[rows] = (chosen - top - total.log()).squeeze(1)
            kept = keep and rows.stop * len(weight) <= KEPT
            if entropy or kept:
                logits.div_(total)
            if entropy:
                entropies[rows] = torch.special.entr(logits).sum(1)
            if kept:
                ctx.kept[rows.start] = logits
        ctx.save_for_backward(hidden, weight, targets, entropies)
        ctx.temperature, ctx.entropy, ctx.tied = temperature, entropy, tied
        return logps, entropies

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        hidden, weight, targets, entropies = ctx.saved_tensors
        zeros = entropies.new_zeros(len(hidden), 1)
        of_logps, of_entropies = (
            zeros if grad is None else grad.div(ctx.temperature).unsqueeze(1) for grad in grads
        )  # [N, 1]
        through_entropies = ctx.entropy and grads[1] is not None
        grad_hidden, grad_weight = torch.empty_like(hidden), None
        for rows in _tiles(len(hidden), len(weight)):
            grad = ctx.kept.pop(rows.start, None)  # p, [n, V]
            if grad is None:
                grad = _logits(hidden[rows], weight, ctx.temperature)
                grad.div_(_exponentiate(grad)[1])
            if through_entropies:
                surprise = torch.special.entr(grad).mul_(of_entropies[rows])  # -p log p
                grad.mul_(-of_logps[rows] - of_entropies[rows] * entropies[rows, None]).add_(surprise)
            else:
                grad.mul_(-of_logps[rows])
            grad = grad.scatter_add_(1, targets[rows, None], of_logps[rows]).to(weight.dtype)
            grad_hidden[rows] = product(grad, weight.t())
            if ctx.needs_input_grad[1]:  # it is not that of a frozen head beside adapters
                grad_weight = _add_product(grad_weight, grad.t(), hidden[rows])
        if ctx.tied is not None:
            ctx.tied.of_head, grad_weight = grad_weight, None
        return grad_hidden, grad_weight, None, None, None, None, None


def _tiles(rows: int, vocabulary: int) -> Iterator[slice]:
    size = max(1, TILE // vocabulary)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _add_product(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """total + left · right, in float32: the more tiles, the more of a late one a sum in bfloat16 would lose."""
    if total is None:
        return (left @ right).float()
    return total.addmm_(left, right) if left.dtype == total.dtype else total.add_(left @ right)


def _logits(hidden: Tensor, weight: Tensor, temperature: float) -> Tensor:
    with torch.autocast(hidden.device.type, enabled=False):
        return product(hidden, weight).float().div_(temperature)


def _exponentiate(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Makes logits [n, V] exp(logits - top) in place; the top and the sum, both [n, 1]."""
    top = logits.amax(1, keepdim=True)
    return top, logits.sub_(top).exp_().sum(1, keepdim=True)
