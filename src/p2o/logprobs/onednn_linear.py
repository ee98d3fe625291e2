"""The products of linear layers, on x86 CPUs by oneDNN instead of MKL, which torch asks for float32.

oneDNN is some 5 % faster with hundreds of rows, and half as fast again with the few rows of decoding if the weights are
laid out for it beforehand (benchmarks/roofline.py, on an AMD EPYC).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

# torch has no public name for these two; its own compiler calls them. Where one is missing, torch's choice stays.
AVAILABLE = (
    torch.backends.mkl.is_available()  # x86; elsewhere torch does not ask MKL
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
)
WORTH = 2**17  # numbers in a weight: a call costs 10 µs more, and 0.4 ms at the first of each shape


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x · weightᵀ + bias, like `torch.nn.functional.linear`, and its gradient.

    Args:
        x: [..., I].
        weight: [O, I].
        bias: [O].
    """
    if not _worth(weight):
        return linear(x, weight, bias)
    result: Tensor = _Product.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result


@contextmanager
def fast_products(policy: nn.Module) -> Iterator[None]:
    """Within, the policy's linear layers multiply by `product`."""
    with _replaced(policy, lambda layer: lambda x: product(x, layer.weight, layer.bias)):
        yield


@contextmanager
def packed_weights(policy: nn.Module) -> Iterator[None]:
    """Within, the policy's linear layers multiply with a copy of their weights that is laid out for few rows.

    Without gradients; weights that change within are not noticed.
    """
    with _replaced(policy, _packed):
        yield


def _worth(weight: Tensor) -> bool:
    return (
        AVAILABLE
        and weight.numel() >= WORTH
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and type(weight) in (Tensor, nn.Parameter)  # no tensor of a strategy's own kind
        and not torch.is_autocast_enabled("cpu")
    )


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result


def _packed(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    weight, bias = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach()), layer.bias
    return lambda x: _multiply(x, weight, bias)


@contextmanager
def _replaced(policy: nn.Module, make: Callable[[nn.Linear], Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """Layers whose instance has a forward of its own keep it: another library's, or that of an outer context."""
    layers = [
        layer
        for layer in policy.modules()
        if type(layer) is nn.Linear and "forward" not in vars(layer) and _worth(layer.weight)
    ]
    try:
        for layer in layers:
            layer.forward = make(layer)  # type: ignore[assignment, method-assign]
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401 (torch's context)
        ctx.save_for_backward(x, weight)
        return _multiply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        grad = grads[0]
        rows = grad.flatten(0, -2)  # [N, O]
        return (
            _multiply(grad, weight.t()) if of_x else None,
            rows.t() @ x.flatten(0, -2) if of_weight else None,  # oneDNN is no faster at this
            rows.sum(0) if of_bias else None,
        )
