"""Products of oneDNN against torch's own."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.testing import assert_close

from p2o.logprobs import onednn_linear
from p2o.logprobs.onednn_linear import fast_products, packed_weights, product

pytestmark = pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="torch asks MKL on x86 alone")


def make(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def multiplied(monkeypatch) -> list[tuple[int, ...]]:
    """Shapes of the weights that oneDNN multiplied with; every weight is worth it."""
    shapes, multiply = [], onednn_linear._multiply

    def watched(x, weight, bias=None):
        shapes.append(tuple(weight.shape))
        return multiply(x, weight, bias)

    monkeypatch.setattr(onednn_linear, "WORTH", 0)
    monkeypatch.setattr(onednn_linear, "_multiply", watched)
    return shapes


def test_this_torch_has_what_products_call():
    """A torch that renames its operators would silently be slower."""
    assert onednn_linear.AVAILABLE


@pytest.mark.parametrize("rows", [(1,), (7,), (2, 5), (3, 1, 4)])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("contiguous", [True, False])
def test_values_and_gradients_are_those_of_linear(rows, biased, contiguous, multiplied):
    x = make(*rows, 24, seed=0) if contiguous else make(*rows[:-1], 24, rows[-1], seed=0).transpose(-1, -2)
    weight, bias = make(40, 24, seed=1), make(40, seed=2) if biased else None
    upstream = make(*rows, 40, seed=3)
    inputs = [tensor.requires_grad_() for tensor in (x, weight, bias) if tensor is not None]
    found, expected = product(x, weight, bias), linear(x, weight, bias)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert multiplied == [(40, 24)]
    grads = torch.autograd.grad(found, inputs, upstream)
    for grad, other in zip(grads, torch.autograd.grad(expected, inputs, upstream), strict=True):
        assert_close(grad, other, rtol=1e-5, atol=1e-5)


def test_frozen_weights_cost_no_gradient(multiplied):
    x, weight = make(5, 24, seed=0).requires_grad_(), make(40, 24, seed=1)
    product(x, weight).sum().backward()
    assert weight.grad is None
    assert_close(x.grad, weight.sum(0).expand(5, -1), rtol=1e-5, atol=1e-5)


def test_what_is_not_float32_of_a_cpu_stays_with_torch(multiplied):
    x, weight = make(5, 24, seed=0), make(40, 24, seed=1)
    product(x.double(), weight.double())
    product(x.to("meta"), weight.to("meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert product(x, weight).dtype == torch.bfloat16
    assert multiplied == []


class Twice(nn.Linear):
    """A layer of its own kind."""

    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize("context", [fast_products, packed_weights])
def test_layers_are_as_before_and_unlike_ones_are_left_alone(context, multiplied):
    model = nn.Sequential(nn.Linear(24, 40), nn.SiLU(), Twice(40, 24, bias=False), nn.Linear(24, 8, bias=False))
    x = make(6, 24, seed=0)
    before = copy.deepcopy(dict(model.named_modules())[""])
    with torch.no_grad(), context(model):
        assert_close(model(x), before(x), rtol=1e-5, atol=1e-5)
        assert multiplied == [(40, 24), (8, 24)]
    assert not any("forward" in vars(layer) for layer in model.modules())
    with pytest.raises(RuntimeError, match="on purpose"), context(model):
        raise RuntimeError("on purpose")
    assert not any("forward" in vars(layer) for layer in model.modules())


def test_packed_weights_are_today_s_at_each_use(multiplied):
    model, x = nn.Sequential(nn.Linear(24, 40)), make(6, 24, seed=0)
    for _ in range(2):
        with torch.no_grad():
            model[0].weight.add_(1.0)
            with packed_weights(model):
                assert_close(model(x), linear(x, model[0].weight, model[0].bias), rtol=1e-5, atol=1e-5)
    assert len(multiplied) == 2
