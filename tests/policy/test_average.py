"""The moving average of the policy that a regularizer may compare with."""

import pytest
import torch
from torch.testing import assert_close

from p2o.errors import InputError
from p2o.objective import ForwardContextKL, ReferenceKL, ReverseContextKL
from p2o.policy.adapters import LoRA
from p2o.policy.loading import load_policy
from p2o.policy.preflight import average_problems
from p2o.policy.references import AveragePolicy, average_policy_of
from tiny_policy import build_policy

DECAY = 0.75


def never():
    raise AssertionError("nobody needs an average")


@pytest.fixture
def load(tokenizer, tmp_path):
    """The same policy at every call."""
    build_policy(len(tokenizer), tokenizer.eos_token_id).save_pretrained(tmp_path / "model")
    return lambda **options: load_policy(str(tmp_path / "model"), **options)


def stepped(average, policy, steps, optimizer=None):
    """Takes steps of different gradients; the trained weights before the first and after each."""
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    optimizer = optimizer or average.following(torch.optim.SGD(trained, lr=0.1))
    seen = [[parameter.detach().clone() for parameter in trained]]
    for _ in range(steps):
        for number, parameter in enumerate(trained):
            parameter.grad = torch.full_like(parameter, float(len(seen) + number))
        optimizer.step()
        seen.append([parameter.detach().clone() for parameter in trained])
    return seen


def weights(average):
    with average() as policy:
        return [parameter.detach().clone() for parameter in policy.parameters()]


def test_after_each_step_it_keeps_a_part_of_itself(load):
    policy = load()
    average = AveragePolicy(lambda: policy, load, DECAY)
    start, first, second = stepped(average, policy, 2)
    by_hand = [
        DECAY * (DECAY * a + (1 - DECAY) * b) + (1 - DECAY) * c for a, b, c in zip(start, first, second, strict=True)
    ]
    for found, expected in zip(weights(average), by_hand, strict=True):
        assert_close(found, expected)
    with average() as averaged:
        assert not any(parameter.requires_grad for parameter in averaged.parameters())
    for parameter, last in zip(policy.parameters(), second, strict=True):
        assert torch.equal(parameter, last)


def test_a_resumed_average_goes_on_bitwise(load):
    policy = load()
    straight = AveragePolicy(lambda: policy, load, DECAY)
    stepped(straight, policy, 1)
    kept = {name: value.clone() for name, value in straight.state_dict()["weights"].items()}
    weights_then = {name: value.clone() for name, value in policy.state_dict().items()}
    again = load()
    again.load_state_dict(weights_then)
    early, late = (AveragePolicy(lambda: again, load, DECAY) for _ in range(2))
    early.load_state_dict({"weights": kept})  # as Lightning does: before there is an optimizer
    weights(late)
    late.load_state_dict({"weights": kept})
    for resumed in (early, late):
        again.load_state_dict(weights_then)
        policy.load_state_dict(weights_then)
        expected = AveragePolicy(lambda: policy, load, DECAY)
        expected.load_state_dict({"weights": kept})
        stepped(expected, policy, 2)
        stepped(resumed, again, 2)
        for a, b in zip(weights(resumed), weights(expected), strict=True):
            assert torch.equal(a, b)


def test_beside_adapters_only_they_are_kept(load):
    policy = load(adapters=LoRA(4))
    average = AveragePolicy(lambda: policy, lambda: load(adapters=LoRA(4)), DECAY)
    start, first = stepped(average, policy, 1)
    kept = average.state_dict()["weights"]
    assert kept and all(".lora_" in name for name in kept)
    for found, a, b in zip(kept.values(), start, first, strict=True):
        assert_close(found, DECAY * a + (1 - DECAY) * b)


def test_without_a_reader_there_is_none(load):
    policy = load()
    average = average_policy_of(None, [ReferenceKL(0.1), ReverseContextKL(1.0), ForwardContextKL(1.0, "initial")])
    assert average.decay is None and average.state_dict() == {}
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
    assert average.following(optimizer) is optimizer and not optimizer._optimizer_step_post_hooks


def test_what_cannot_be_averaged_is_refused():
    for decay in (-0.1, 1.0):
        with pytest.raises(InputError, match=f"needs a decay from 0 to below 1, got {decay}"):
            ReverseContextKL(1.0, "average", decay)
    both = [ReverseContextKL(1.0, "average", 0.9), ForwardContextKL(1.0, "average", 0.99)]
    with pytest.raises(InputError, match=r"expected one decay of the average policy, got \[0.9, 0.99\]"):
        average_policy_of(None, both)
    [problem] = average_problems(both, sharded=True)
    assert "keeps it in shards" in problem
    assert not list(average_problems(both, sharded=False)) and not list(average_problems([ReferenceKL(0.1)], True))
