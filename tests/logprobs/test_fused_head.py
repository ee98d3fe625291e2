"""The fused head against the plain formula and its autograd."""

import pytest
import torch
from torch.testing import assert_close

from p2o.logprobs import fused_head
from p2o.logprobs.fused_head import fused_logps
from p2o.logprobs.tied_embedding import TiedGradient


def plain(hidden, weight, targets, temperature):
    logps = (hidden @ weight.t() / temperature).log_softmax(-1)
    return logps.gather(1, targets[:, None])[:, 0], -(logps.exp() * logps).sum(-1)


def make(rows=23, width=8, vocabulary=50):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, width, generator=generator, requires_grad=True)
    weight = torch.randn(vocabulary, width, generator=generator, requires_grad=True)
    targets = torch.randint(0, vocabulary, (rows,), generator=generator)
    return hidden, weight, targets, torch.randn(2, rows, generator=generator)


@pytest.mark.parametrize("kept", [0, 50 * 10, 10**9])  # nothing, some tiles, everything
@pytest.mark.parametrize("entropy", [False, True])
def test_values_and_gradients(kept, entropy, monkeypatch):
    monkeypatch.setattr(fused_head, "TILE", 50 * 5)  # five rows a tile, and three in the last
    monkeypatch.setattr(fused_head, "KEPT", kept)
    hidden, weight, targets, upstream = make()
    found = fused_logps(hidden, weight, targets, 0.7, entropy)
    expected = plain(hidden, weight, targets, 0.7)
    wanted = 2 if entropy else 1
    for value, other in zip(found[:wanted], expected[:wanted], strict=True):
        assert_close(value, other, rtol=1e-5, atol=1e-5)
    grads = torch.autograd.grad((torch.stack(found) * upstream).sum(), [hidden, weight])
    others = torch.autograd.grad((torch.stack(expected) * upstream)[:wanted].sum(), [hidden, weight])
    for grad, other in zip(grads, others, strict=True):
        assert_close(grad, other, rtol=1e-4, atol=1e-5)


def test_entropies_that_nothing_is_derived_from_leave_the_gradient_as_it_is():
    grads = []
    for entropy in (False, True):
        hidden, weight, targets, upstream = make()
        logps, entropies = fused_logps(hidden, weight, targets, 0.7, entropy)
        assert bool(entropies.detach().any()) == entropy
        grads.append(torch.autograd.grad((logps * upstream[0]).sum(), [hidden, weight]))
    assert all(map(torch.equal, *grads))


def test_certain_and_impossible_tokens_have_finite_gradients():
    hidden = torch.tensor([[1.0, 0.0]], requires_grad=True)
    weight = torch.tensor([[500.0, 0.0], [-500.0, 0.0]])
    for target, logp in ((0, 0.0), (1, -1000.0)):
        logps, entropies = fused_logps(hidden, weight, torch.tensor([target]), 1.0, entropy=True)
        assert (logps.item(), entropies.item()) == (logp, 0.0)
        (grad,) = torch.autograd.grad(logps.sum() + entropies.sum(), hidden)
        assert torch.isfinite(grad).all()


def test_no_tensor_of_rows_times_vocabulary(monkeypatch):
    """The largest tensor that is made or kept does not grow with the number of rows."""
    monkeypatch.setattr(fused_head, "TILE", 50 * 8)
    monkeypatch.setattr(fused_head, "KEPT", 50 * 16)
    sizes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(t.numel() for t in (out if isinstance(out, tuple | list) else [out]) if torch.is_tensor(t))
            return out

    largest = []
    for rows in (40, 160):
        hidden, weight, targets, _ = make(rows, width=2)
        sizes.clear()
        with Watch():
            fused_logps(hidden, weight, targets, 1.0)[0].sum().backward()
        largest.append(max(sizes))
    assert largest == [50 * 8, 50 * 8]
    node = fused_logps(*make(160)[:3], 1.0)[0].grad_fn
    assert sum(tile.numel() for tile in node.kept.values()) <= 50 * 16


def test_bfloat16_autocast_settles_the_type_of_both_passes():
    hidden, weight, targets, upstream = make()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logps, _ = fused_logps(hidden, weight, targets, 1.0)
    (logps * upstream[0]).sum().backward()
    expected, _ = plain(hidden, weight, targets, 1.0)
    assert logps.dtype == hidden.grad.dtype == torch.float32
    assert_close(logps, expected, rtol=0.02, atol=0.1)
    grads = torch.autograd.grad((expected * upstream[0]).sum(), [hidden, weight])
    for grad, other in zip((hidden.grad, weight.grad), grads, strict=True):
        assert_close(grad, other, rtol=0.05, atol=0.05)


def test_the_gradient_of_the_head_does_not_lose_digits_with_the_number_of_tiles(monkeypatch):
    """Each tile's product is rounded to bfloat16; their sum is not, or what comes late would not count any more."""
    monkeypatch.setattr(fused_head, "TILE", 50 * 4)  # 128 tiles
    hidden, weight, targets, upstream = make(512)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logps, _ = fused_logps(hidden, weight, targets, 1.0)
    (logps * upstream[0]).sum().backward()
    halves = [tensor.detach().bfloat16().double() for tensor in (hidden, weight)]
    logits = (halves[0].bfloat16() @ halves[1].bfloat16().t()).double()
    grad = torch.nn.functional.one_hot(targets, 50) - logits.softmax(-1)
    expected = (grad * upstream[0, :, None]).t() @ halves[0]
    assert weight.grad.dtype == torch.float32
    assert float((weight.grad - expected).norm() / expected.norm()) < 0.004  # a bfloat16 is right to 0.0039


@pytest.mark.parametrize("tied", [False, True])
def test_the_gradient_of_the_head_has_the_type_of_its_weight(tied):
    hidden, weight, targets, _ = (make()[0].detach().bfloat16(), make()[1].detach().bfloat16(), *make()[2:])
    gradient = TiedGradient() if tied else None
    weight.requires_grad_()
    fused_logps(hidden, weight, targets, 1.0, tied=gradient)[0].sum().backward()
    found = gradient.take(weight) if tied else weight.grad
    assert found.dtype == torch.bfloat16 and bool(found.any())
