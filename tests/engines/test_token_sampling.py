"""The seeded choice, against the plain inversion of the distribution function."""

import pytest
import torch
from torch.testing import assert_close

from p2o.engines.token_sampling import BLOCK, choose


@pytest.mark.parametrize("vocabulary", [5, BLOCK, 3 * BLOCK + 1])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_inverts_the_distribution_function(vocabulary, temperature):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(200, vocabulary, generator=generator)
    draws = torch.rand(200, generator=generator)
    tokens, logps = choose(logits, draws, temperature)
    expected = (logits.double() / temperature).log_softmax(1)
    upto = expected.exp().cumsum(1)
    assert torch.equal(tokens, (upto <= draws[:, None]).sum(1))
    assert_close(logps, expected.gather(1, tokens[:, None])[:, 0].float(), rtol=1e-5, atol=1e-5)


def test_never_a_token_of_probability_0():
    logits = torch.full((3, 2 * BLOCK), -torch.inf)
    logits[:, [7, BLOCK + 3]] = 0.0  # zeros before, between and after
    last_below_one = 1 - 2**-24
    tokens, logps = choose(logits, torch.tensor([0.0, 0.5, last_below_one]), 1.0)
    assert tokens.tolist() == [7, BLOCK + 3, BLOCK + 3]
    assert_close(logps, torch.full((3,), 0.5).log())


def test_rare_tokens_of_a_large_vocabulary_are_not_lost():
    logits = torch.zeros(1, 150_000)
    logits[0, 0] = 30.0  # float32's sum would not move by the others, e^-30 each
    tokens, _ = choose(logits, torch.tensor([1 - 2**-24]), 1.0)
    share = 150_000 / torch.tensor(30.0).exp().item()
    assert (tokens.item() == 0) == (share < 2**-24)


def test_greedy_is_the_argmax():
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    tokens, logps = choose(logits, torch.tensor([0.99]), 0.0)
    assert tokens.tolist() == [1] and logps.item() == pytest.approx(logits.log_softmax(1)[0, 1].item())


@pytest.fixture
def deterministic():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
        ],
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_a_deterministic_trainer_samples_the_same(device, deterministic):
    """On CUDA torch refuses a cumulative sum of floating-point numbers where `trainer.deterministic` is set."""
    generator = torch.Generator().manual_seed(0)
    logits, draws = torch.randn(200, 3 * BLOCK + 1, generator=generator), torch.rand(200, generator=generator)
    tokens, _ = choose(logits.to(device), draws.to(device), 0.7)
    torch.use_deterministic_algorithms(False)
    expected, _ = choose(logits, draws, 0.7)
    assert torch.equal(tokens.cpu(), expected)
