"""The objective on a real random model: ragged lengths, several groups, with and without templates."""

import math

import pytest
import torch
from torch.testing import assert_close

from p2o.batches import Row, micro_batches
from p2o.contexts import Importance, Masked, Replace, Templated
from p2o.logprobs import completion_logps
from p2o.losses import ClippedLoss
from p2o.objective import Objective

TEMPERATURE = 0.7


def make_rows(templated: bool) -> list[Row]:
    generator = torch.Generator().manual_seed(3)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, 250, (count,), generator=generator).tolist())

    rows = []
    for length, advantage in [(5, 1.2), (11, -0.4), (1, -0.8), (7, 0.0), (9, 2.0), (3, -0.3)]:
        bare = ids(4 + length % 3)
        prompt = ids(6) + bare if templated and length % 2 else bare
        rows.append(Row(bare, prompt, ids(length), advantage))
    return rows


def gradient(policy, estimator, rows, size=3, on_policy=True, shift=0.0):
    objective = Objective(estimator, ClippedLoss(), TEMPERATURE)
    policy.zero_grad()
    old = objective.old_logps(policy, rows, size, on_policy)
    with torch.no_grad():  # an update between the old log-probs and the loss
        for parameter in policy.parameters():
            parameter.add_(shift * torch.sin(torch.arange(parameter.numel()).reshape(parameter.shape) * 1.0))
    tokens = float(sum(len(row.completion_ids) for row in rows))
    loss = 0.0
    for part in micro_batches(rows, size, at_least_one=False):
        terms = objective(policy, [rows[i] for i in part], [old[i] for i in part], tokens)
        terms.loss.backward()
        loss += float(terms.loss.detach())
    return loss, [parameter.grad.clone() for parameter in policy.parameters()]


def test_logps_do_not_depend_on_padding(policy):
    rows = make_rows(templated=True)
    together = completion_logps(policy, [r.prompt_ids for r in rows], [r.completion_ids for r in rows], TEMPERATURE)
    for row, line in zip(rows, together, strict=True):
        logits = policy(torch.tensor([row.prompt_ids + row.completion_ids])).logits[0] / TEMPERATURE
        alone = logits.log_softmax(-1)[len(row.prompt_ids) - 1 : -1].gather(
            -1, torch.tensor(row.completion_ids)[:, None]
        )
        assert_close(line[: len(row.completion_ids)], alone[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("estimator", [Masked(), Replace(), Importance(), Templated()])
def test_loss_against_a_plain_loop(policy, estimator):
    """The same formula, row by row and token by token, in Python floats."""
    rows = make_rows(templated=True)
    rng_loss, _ = gradient(policy, estimator, rows)

    def logps(prompt, row):
        return completion_logps(policy, [prompt], [row.completion_ids], TEMPERATURE)[0].tolist()

    expected = 0.0
    for row in rows:
        bare, templated = logps(row.bare_ids, row), logps(row.prompt_ids, row)
        new = bare if estimator.bare_gradient else templated
        for b, t, n in zip(bare, templated, new, strict=True):
            old = b if estimator.reads_bare else t
            weight = float(0.01 <= math.exp(b - t) <= 10) if isinstance(estimator, Masked) else 1.0
            ratio = math.exp(n - old)
            loss = max(-row.advantage * ratio, -row.advantage * min(max(ratio, 0.8), 1.2))
            expected += weight * (min(loss, -3 * row.advantage) if row.advantage < 0 else loss)
    assert rng_loss == pytest.approx(expected / sum(len(row.completion_ids) for row in rows), rel=1e-4)


def test_masked_without_bounds_is_replace(policy):
    rows = make_rows(templated=True)
    loss, grads = gradient(policy, Masked(low=0.0, high=math.inf), rows)
    expected_loss, expected = gradient(policy, Replace(), rows)
    assert loss == expected_loss
    assert all(torch.equal(a, b) for a, b in zip(grads, expected, strict=True))
    _, bounded = gradient(policy, Masked(low=0.9, high=1.1), rows)
    assert not all(torch.allclose(a, b) for a, b in zip(bounded, expected, strict=True))


@pytest.mark.parametrize("estimator", [Masked(), Importance(), Templated()])
def test_without_templates_every_estimator_is_plain_grpo(policy, estimator):
    rows = make_rows(templated=False)
    loss, grads = gradient(policy, estimator, rows)
    expected_loss, expected = gradient(policy, Replace(), rows)
    assert loss == expected_loss
    assert all(torch.equal(a, b) for a, b in zip(grads, expected, strict=True))


def test_with_templates_importance_and_templated_differ_from_grpo(policy):
    rows = make_rows(templated=True)
    _, plain = gradient(policy, Replace(), rows)
    for estimator in (Importance(), Templated()):
        _, grads = gradient(policy, estimator, rows)
        assert not all(torch.allclose(a, b, rtol=1e-2) for a, b in zip(grads, plain, strict=True))


@pytest.mark.parametrize("size", [1, 2, 6])
def test_micro_batch_size_does_not_change_the_result(policy, size):
    rows = make_rows(templated=True)
    loss, grads = gradient(policy, Masked(), rows, size=3)
    other_loss, other = gradient(policy, Masked(), rows, size=size)
    assert loss == pytest.approx(other_loss, rel=1e-5)
    for a, b in zip(grads, other, strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("estimator", [Masked(), Replace(), Importance(), Templated()])
def test_on_policy_shortcut_equals_the_old_pass(policy, estimator):
    rows = make_rows(templated=True)
    loss, grads = gradient(policy, estimator, rows, on_policy=True)
    other_loss, other = gradient(policy, estimator, rows, on_policy=False)
    assert loss == pytest.approx(other_loss, rel=1e-5)
    for a, b in zip(grads, other, strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_after_an_update_the_old_policy_is_remembered(policy):
    rows = make_rows(templated=True)
    first, _ = gradient(policy, Replace(), rows, on_policy=False)
    moved, _ = gradient(policy, Replace(), rows, on_policy=False, shift=0.01)
    assert moved != pytest.approx(first, rel=1e-4)  # the ratio left 1


def test_rows_without_signal_cost_no_pass():
    rows = [Row((1,), (1,), (2, 3), advantage) for advantage in (0.0, 1.0, 0.0)]
    assert micro_batches(rows, 2, at_least_one=True) == [[1]]
    assert micro_batches(rows[:1], 2, at_least_one=True) == [[0]]
    assert micro_batches(rows[:1], 2, at_least_one=False) == []


def test_longest_rows_first():
    rows = [Row((1,), (1,), (2,) * length, 1.0) for length in (3, 9, 5)]
    assert micro_batches(rows, 2, at_least_one=False) == [[1, 2], [0]]
