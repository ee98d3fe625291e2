"""On-policy context distillation: by numbers, against the exact divergence, and within the objective."""

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from objective_gradient import TEMPERATURE, gradient
from p2o.errors import InputError
from p2o.logprobs import completion_logps
from p2o.objective.advantages import NoAdvantage
from p2o.objective.context_estimators import Masked
from p2o.objective.context_gap import context_gaps
from p2o.objective.losses import ClippedLoss
from p2o.objective.objective import Objective
from p2o.objective.outputs import output_metrics
from p2o.objective.regularizers import ForwardContextKL, ReferenceKL, ReverseContextKL
from p2o.objective.rows import TrainingSample
from tiny_policy import build_policy

BARE, GUIDE = (5, 6, 7), (9, 8, 5, 6, 7)
GUIDED = TrainingSample(BARE, BARE, (11, 12, 13), 0.0, guide_ids=GUIDE)
UNGUIDED = TrainingSample((4, 3), (4, 3), (14, 15), 0.0)


def test_numbers():
    logps, reference = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-2.0, -2.0]])
    assert_close(ReverseContextKL(2.0)(logps, reference, logps), torch.tensor([[1.0, 0.0]]))  # 2 · 1²/2
    assert_close(ForwardContextKL(2.0)(logps, reference, logps), torch.tensor([[2 * math.exp(-1), 0.0]]))


@pytest.mark.parametrize(
    ("part", "distances", "expected"),
    [
        (ReverseContextKL, [-500.0, -21.0, -19.0, 19.0, 21.0, 500.0], [-20.0, -20.0, -19.0, 19.0, 20.0, 20.0]),
        (ForwardContextKL, [-500.0, -21.0, 19.0, 21.0, 500.0], [0.0, 0.0, 1.0, 1.0, 1.0]),
    ],
)
def test_where_the_policies_differ_most_the_gradient_is_bounded_and_not_removed(part, distances, expected):
    """But for k3 at tokens that π_θ hardly ever samples, where its exponential would overflow."""
    logps = torch.tensor([distances], requires_grad=True)
    penalty = part(1.0)(logps, torch.zeros_like(logps), logps)
    [found] = torch.autograd.grad(penalty.sum(), logps)
    assert_close(found, torch.tensor([expected]))
    assert (penalty.diff()[0, -2:] > 0).all()  # further is worse


@pytest.mark.parametrize(
    ("part", "exact"),
    [
        (ReverseContextKL, lambda p, q: (p.exp() * (p - q)).sum()),
        (ForwardContextKL, lambda p, q: (q.exp() * (q - p)).sum()),
    ],
)
def test_the_expected_gradient_is_that_of_the_divergence(part, exact):
    """Over all tokens of a vocabulary of four, weighed by how likely they are sampled."""
    scores = torch.tensor([0.3, -1.0, 0.8, 0.1], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([1.0, 0.2, -0.5, 0.4], dtype=torch.float64).log_softmax(-1)
    logps = scores.log_softmax(-1)
    sampled = (logps.detach().exp() * part(1.0)(logps[None], teacher[None], logps[None])[0]).sum()
    [found] = torch.autograd.grad(sampled, scores, retain_graph=True)
    [expected] = torch.autograd.grad(exact(logps, teacher), scores)
    assert_close(found, expected)


@pytest.mark.parametrize("weights", ["current", "initial", "average"])
def test_the_loss_is_the_term_of_guided_rows_alone(policy, weights):
    """Against a plain loop; the denominator counts all tokens."""
    initial, average = (build_policy(policy.config.vocab_size, policy.config.eos_token_id, seed=s) for s in (9, 8))
    teacher = {"current": policy, "initial": initial, "average": average}[weights]

    def logps(model, prompt):
        return completion_logps(model, [prompt], [GUIDED.completion_ids], TEMPERATURE)[0].tolist()

    distances = [a - b for a, b in zip(logps(policy, BARE), logps(teacher, GUIDE), strict=True)]
    references = dict(reference=lambda: nullcontext(initial), average=lambda: nullcontext(average))
    parts = dict(regularizers=[ReverseContextKL(0.5, weights)], **references)
    loss, grads = gradient(policy, Masked(), [GUIDED, UNGUIDED], **parts)
    assert loss == pytest.approx(sum(0.5 * d * d / 2 for d in distances) / 5, rel=1e-4)
    assert any(grad.abs().max() > 0 for grad in grads)
    _, alone = gradient(policy, Masked(), [GUIDED], **parts)
    for a, b in zip(grads, alone, strict=True):
        assert_close(a * 5 / 3, b, rtol=1e-3, atol=1e-6)
    objective = Objective(Masked(), ClippedLoss(), TEMPERATURE, **parts)
    assert [objective.needs(row) for row in (GUIDED, UNGUIDED)] == [True, False]
    rows = [GUIDED, replace(UNGUIDED, advantage=1.0)]
    output = objective(policy, rows, objective.old_logps(policy, rows, 100, True), 5)
    assert output_metrics([output])["policy/context_kl"] == pytest.approx(sum(distances) / 3, rel=1e-4)


def test_the_guided_policy_has_no_gradient(policy):
    """The gradient is Σ d·∇log π(y|x) with d a constant."""
    _, found = gradient(policy, Masked(), [GUIDED], regularizers=[ReverseContextKL(1.0)])
    policy.zero_grad()
    bare = completion_logps(policy, [BARE], [GUIDED.completion_ids], TEMPERATURE)
    guided = completion_logps(policy, [GUIDE], [GUIDED.completion_ids], TEMPERATURE)
    ((bare - guided).detach() * bare).sum().div(3).backward()
    for a, b in zip(found, policy.parameters(), strict=True):
        assert_close(a, b.grad, rtol=1e-3, atol=1e-6)


def test_beside_a_kl_to_the_initial_policy_each_has_its_own_reference(policy):
    initial = build_policy(policy.config.vocab_size, policy.config.eos_token_id, seed=9)
    rows, reference = [GUIDED, UNGUIDED], lambda: nullcontext(initial)
    single = [
        gradient(policy, Masked(), rows, regularizers=[part], reference=reference)[0]
        for part in (ReferenceKL(0.1), ReverseContextKL(0.5))
    ]
    both, _ = gradient(
        policy, Masked(), rows, regularizers=[ReferenceKL(0.1), ReverseContextKL(0.5)], reference=reference
    )
    assert both == pytest.approx(sum(single), rel=1e-5)


def test_no_advantage():
    assert NoAdvantage()(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)).tolist() == [[0.0, 0.0]]


def test_what_a_template_makes_likelier(policy):
    rows = [
        TrainingSample(BARE, GUIDE, (11, 12, 13), 1.0),
        TrainingSample(BARE, BARE, (11,), 1.0),
        TrainingSample((4, 3), (1, 4, 3), (14, 15), 0.0),
    ]

    def mean(prompt, row):
        return completion_logps(policy, [prompt], [row.completion_ids], TEMPERATURE)[0].mean().item()

    first, bare, last = context_gaps(policy, rows, TEMPERATURE, tokens=8)
    assert bare is None
    for found, row in ((first, rows[0]), (last, rows[2])):
        assert found == pytest.approx(mean(row.bare_ids, row) - mean(row.prompt_ids, row), rel=1e-3)


def test_without_a_divergence_there_is_no_term():
    with pytest.raises(InputError, match="ReverseContextKL needs beta > 0"):
        ReverseContextKL(0.0)
