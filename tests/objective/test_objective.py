"""The objective on a real random model: ragged lengths, several groups, with and without templates."""

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from objective_gradient import TEMPERATURE, gradient, make_rows
from p2o.errors import InputError
from p2o.logprobs import ScoringPath, completion_logps, completion_logps_and_entropies
from p2o.objective import objective as objective_module
from p2o.objective.aggregation import ConstantLength, SequenceMean, TokenMean, WithoutTruncated
from p2o.objective.context_estimators import Importance, Masked, Replace, Templated
from p2o.objective.engine_correction import TruncatedImportance
from p2o.objective.losses import CISPOLoss, ClippedLoss, GSPOLoss
from p2o.objective.micro_batches import micro_batches
from p2o.objective.objective import Objective, OldLogps
from p2o.objective.regularizers import EntropyBonus, ReferenceKL
from p2o.objective.rows import TrainingSample
from tiny_policy import build_policy


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
            weight = float(math.exp(b - t) <= 10) if isinstance(estimator, Masked) else 1.0
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


@pytest.mark.parametrize("tokens", [1, 20, 1000])
def test_micro_batch_tokens_do_not_change_the_result(policy, tokens):
    rows = make_rows(templated=True)
    loss, grads = gradient(policy, Masked(), rows, tokens=40)
    other_loss, other = gradient(policy, Masked(), rows, tokens=tokens)
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
    rows = [TrainingSample((1,), (1,), (2, 3), advantage) for advantage in (0.0, 1.0, 0.0)]
    objective = Objective(Masked(), ClippedLoss(), TEMPERATURE)
    needed = [objective.needs(row) for row in rows]
    assert needed == [False, True, False] and objective.size(rows) == 6  # they count all the same
    assert micro_batches(rows, needed, 100, ScoringPath.PACKED, bare=True, at_least_one=True) == [[1]]
    assert micro_batches(rows[:1], needed[:1], 100, ScoringPath.PACKED, bare=True, at_least_one=True) == [[0]]
    assert micro_batches(rows[:1], needed[:1], 100, ScoringPath.PACKED, bare=True, at_least_one=False) == []


@pytest.mark.parametrize("estimator", [Masked(0.5, 2.0), Importance(), Templated()])
def test_an_exact_engine_saves_the_pass_under_the_template(policy, estimator, monkeypatch):
    rows = []
    for row in make_rows(templated=True):
        logps = completion_logps(policy, [row.prompt_ids], [row.completion_ids], TEMPERATURE)[0]
        rows.append(replace(row, engine_logps=tuple(logps.tolist())))
    expected_loss, expected = gradient(policy, estimator, rows, on_policy=False)
    scored = []
    original = objective_module.completion_logps

    def watched(policy, prompts, *others):
        if not torch.is_grad_enabled():
            scored.extend(prompts)
        return original(policy, prompts, *others)

    monkeypatch.setattr(objective_module, "completion_logps", watched)
    loss, grads = gradient(policy, estimator, rows, on_policy=False, exact_engine=True)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for a, b in zip(grads, expected, strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-6)
    bare = {row.bare_ids for row in rows if row.prompt_ids != row.bare_ids and row.advantage}
    assert set(scored) == (bare if estimator.reads_bare else set())
    scored.clear()
    gradient(policy, estimator, rows, on_policy=False, exact_engine=True, correction=TruncatedImportance())
    assert {row.prompt_ids for row in rows if row.advantage} <= set(
        scored
    )  # it compares the trainer's with the engine's


LOSSES = [ClippedLoss(), GSPOLoss(), CISPOLoss()]
AGGREGATIONS = [TokenMean(), SequenceMean(), ConstantLength(16), WithoutTruncated(TokenMean())]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda part: type(part).__name__)
@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=lambda part: type(part).__name__)
def test_no_part_depends_on_micro_batches(policy, loss, aggregation):
    rows = [replace(row, truncated=number == 1) for number, row in enumerate(make_rows(templated=True))]
    parts = {"loss": loss, "aggregation": aggregation, "regularizers": [EntropyBonus(0.1)]}
    total, grads = gradient(policy, Masked(), rows, tokens=1000, **parts)
    other_total, other = gradient(policy, Masked(), rows, tokens=20, **parts)
    assert total == pytest.approx(other_total, rel=1e-5)
    for a, b in zip(grads, other, strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_on_policy_every_loss_has_the_gradient_of_the_policy_gradient(policy):
    """At ρ = 1 nothing is clipped: all losses differ in value alone."""
    rows = make_rows(templated=False)
    _, expected = gradient(policy, Replace(), rows, aggregation=SequenceMean())
    for loss in LOSSES[1:]:
        _, grads = gradient(policy, Replace(), rows, loss=loss, aggregation=SequenceMean())
        for a, b in zip(grads, expected, strict=True):
            assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_truncated_rows_leave_the_loss(policy):
    rows = make_rows(templated=True)
    marked = [replace(row, truncated=number == 4) for number, row in enumerate(rows)]
    loss, grads = gradient(policy, Masked(), marked, aggregation=WithoutTruncated(TokenMean()))
    expected_loss, expected = gradient(policy, Masked(), rows[:4] + rows[5:])
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for a, b in zip(grads, expected, strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-6)
    objective = Objective(Masked(), ClippedLoss(), TEMPERATURE, WithoutTruncated(TokenMean()))
    assert not objective.needs(marked[4]) and objective.size([marked[4]]) == 0


def test_a_regularizer_keeps_rows_without_signal(policy):
    rows = [replace(row, advantage=0.0) for row in make_rows(templated=False)]
    assert not any(Objective(Masked(), ClippedLoss(), TEMPERATURE).needs(row) for row in rows)
    loss, grads = gradient(policy, Masked(), rows, regularizers=[EntropyBonus(0.5)])
    prompts, completions = [row.prompt_ids for row in rows], [row.completion_ids for row in rows]
    with torch.no_grad():
        _, entropies = completion_logps_and_entropies(policy, prompts, completions, TEMPERATURE)
    tokens = [float(h) for line, y in zip(entropies, completions, strict=True) for h in line[: len(y)]]
    assert loss == pytest.approx(-0.5 * sum(tokens) / len(tokens), rel=1e-5)
    assert any(grad.count_nonzero() for grad in grads)


@pytest.mark.parametrize("estimator", [Masked(low=0.9, high=1.1), Importance()])
def test_rows_that_only_a_regularizer_keeps_count_neither_as_masked_nor_as_clipped(policy, estimator):
    """Nobody has asked for their log-probs before the update."""
    rows = [*make_rows(templated=True), *(replace(row, advantage=0.0) for row in make_rows(templated=True))]

    def figures(*regularizers):
        whole = Objective(estimator, ClippedLoss(), TEMPERATURE, regularizers=regularizers)
        passed = [row for row in rows if whole.needs(row)]
        old = whole.old_logps(policy, passed, 1000, on_policy=False)
        old = [OldLogps(*(None if part is None else part - 0.3 for part in vars(each).values())) for each in old]
        with torch.no_grad():
            found = whole(policy, passed, old, whole.size(rows))
        return found.clipped, {name: vars(found.context_mask_stats)[name].tolist() for name in ("tokens", "below")}

    plain, regularized = figures(), figures(EntropyBonus(0.01))
    assert plain == regularized and plain[0].value > 0


@pytest.mark.parametrize("estimator", [Masked(), Templated()])
def test_the_pass_of_the_gradient_tells_entropy_and_kl(policy, tokenizer, estimator):
    """Under the prompt of the gradient; the KL where a regularizer reads the reference anyway.

    The KL is that of rows that were sampled under this prompt: k3 estimates it at the policy's own tokens alone.
    """
    rows = make_rows(templated=True)
    rows[1:3] = [replace(row, prompt_ids=row.bare_ids) for row in rows[1:3]]  # some are bare
    start = build_policy(len(tokenizer), tokenizer.eos_token_id, seed=1)
    entropies, distances = [], []
    for row in rows:
        ids, count = row.prompt(estimator.bare_gradient) + row.completion_ids, len(row.completion_ids)
        with torch.no_grad():
            found, before = (
                (model(torch.tensor([ids])).logits[0, -count - 1 : -1].float() / TEMPERATURE).log_softmax(-1)
                for model in (policy, start)
            )
        entropies += (-(found.exp() * found).sum(-1)).tolist()
        chosen = torch.tensor(row.completion_ids)[:, None]
        far = (before - found).gather(1, chosen)
        if row.is_bare or not estimator.bare_gradient:
            distances += (far.exp() - far - 1).flatten().tolist()

    def output(*regularizers):
        parts = dict(regularizers=regularizers, reference=lambda: nullcontext(start))
        objective = Objective(estimator, ClippedLoss(), TEMPERATURE, **parts)
        return objective(policy, rows, objective.old_logps(policy, rows, 40, True), objective.size(rows))

    plain = output()
    assert plain.entropy.value == pytest.approx(sum(entropies) / len(entropies), rel=1e-4)
    assert (plain.entropy.tokens, plain.kl.tokens) == (len(entropies), 0)
    kl = output(ReferenceKL()).kl
    assert (kl.value, kl.tokens) == (pytest.approx(sum(distances) / len(distances), rel=1e-3), len(distances))


def test_reference_kl_against_a_plain_loop(policy, tokenizer):
    rows = make_rows(templated=True)
    reference = build_policy(len(tokenizer), tokenizer.eos_token_id, seed=1)
    plain, _ = gradient(policy, Masked(), rows)
    loss, _ = gradient(
        policy, Masked(), rows, regularizers=[ReferenceKL(0.1)], reference=lambda: nullcontext(reference)
    )
    expected, tokens = 0.0, 0
    for row in rows:
        with torch.no_grad():
            theta, ref = (
                completion_logps(model, [row.bare_ids], [row.completion_ids], TEMPERATURE)[0].tolist()
                for model in (policy, reference)
            )
        expected += sum(math.exp(r - t) - (r - t) - 1 for t, r in zip(theta, ref, strict=True))
        tokens += len(theta)
    assert loss - plain == pytest.approx(0.1 * expected / tokens, rel=1e-4)


def with_engine(policy, rows, shift):
    """The rows as an engine would tell of them whose log-probs lie `shift` below the trainer's."""
    with torch.no_grad():
        lines = completion_logps(policy, [r.prompt_ids for r in rows], [r.completion_ids for r in rows], TEMPERATURE)
    told = [line[: len(row.completion_ids)] for row, line in zip(rows, lines, strict=True)]
    return [replace(row, engine_logps=tuple((line - shift).tolist())) for row, line in zip(rows, told, strict=True)]


@pytest.mark.parametrize("estimator", [Masked(), Replace(), Importance(), Templated()])
@pytest.mark.parametrize("on_policy", [True, False])
def test_mismatch_between_engine_and_trainer(policy, estimator, on_policy):
    rows = make_rows(templated=True)
    rows[1:3] = [replace(row, prompt_ids=row.bare_ids) for row in rows[1:3]]  # some are bare
    rows = with_engine(policy, rows, shift=0.25)
    rows[0] = replace(rows[0], engine_logps=())  # an engine that does not tell
    objective = Objective(estimator, ClippedLoss(), TEMPERATURE)
    old = objective.old_logps(policy, rows, 3, on_policy)
    terms = objective(policy, rows, old, objective.size(rows))
    assert terms.mismatch.value == pytest.approx(0.25, abs=1e-4)
    assert terms.mismatch_max == pytest.approx(0.25, abs=1e-4)
    covered = [
        r for r in rows[1:] if r.advantage and (not isinstance(estimator, Replace) or r.prompt_ids == r.bare_ids)
    ]
    assert terms.mismatch.tokens == sum(len(row.completion_ids) for row in covered)


@pytest.mark.parametrize("estimator", [Masked(), Replace(), Importance(), Templated()])
def test_truncated_importance_weighs_every_token(policy, estimator):
    rows = make_rows(templated=True)
    plain, _ = gradient(policy, estimator, rows)
    for shift, weight in ((0.25, math.exp(0.25)), (3.0, 2.0)):  # the second beyond the cap
        shifted = with_engine(policy, rows, shift)
        loss, _ = gradient(policy, estimator, shifted, correction=TruncatedImportance(cap=2.0))
        assert loss == pytest.approx(weight * plain, rel=1e-3)


def test_truncated_importance_needs_an_engine_that_tells(policy):
    with pytest.raises(InputError, match=r"TruncatedImportance needs the log-probabilities.*returns none"):
        gradient(policy, Masked(), make_rows(templated=True), correction=TruncatedImportance())
