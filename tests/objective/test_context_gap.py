"""Δ of correct completions as the update sees it, against a pass of its own over both contexts."""

from dataclasses import replace

import pytest
import torch

from objective_gradient import TEMPERATURE, make_rows
from p2o.objective.aggregation import TokenMean
from p2o.objective.context_estimators import Importance, Masked, Replace, Templated
from p2o.objective.context_gap import by_template, context_gaps, gaps_of_successes
from p2o.objective.losses import ClippedLoss
from p2o.objective.objective import Objective
from p2o.types import TemplateGap


def test_gaps_are_of_correct_templated_rows_whose_log_probs_are_known():
    """Row 0: (-1 - 3) / 2; row 1 is bare, row 2 wrong, and of row 3 nobody scored both."""
    [row] = make_rows(templated=False)[:1]
    known = replace(row, template="z", correct=True)
    rows = [known, replace(row, correct=True), replace(known, correct=False), known]
    log_ratio = torch.tensor([[-1.0, -3.0, 9.0]] * 4)
    mask = torch.tensor([[True, True, False]] * 4)
    weights = torch.tensor([[1.0, 0.0, 0.0]] * 4)
    found = gaps_of_successes(rows, log_ratio, weights, mask, [True] * 3 + [False])
    assert found == [TemplateGap("z", -2.0, 0.5, nats=4.0, masked_nats=3.0)]


def test_the_masked_gap_is_of_nats_and_counts_what_the_template_adds_alone():
    """One token of four is masked, and with it 9 of 10 nats; what the template makes less likely adds nothing."""
    [row] = make_rows(templated=False)[:1]
    log_ratio, weights = torch.tensor([[-9.0, -1.0, 2.0, 0.0]]), torch.tensor([[0.0, 1.0, 1.0, 1.0]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    [found] = gaps_of_successes([replace(row, template="z", correct=True)], log_ratio, weights, mask, [True])
    assert (found.masked, found.masked_gap) == (0.25, 0.9)


def test_a_masked_gap_that_nobody_counted_is_not_known():
    """An epoch that an earlier release has begun has completions whose nats are gone; nothing added is no share."""
    counted, before = TemplateGap("a", -1.0, 0.5, nats=4.0, masked_nats=3.0), TemplateGap("a", -1.0, 0.5)
    assert [one.masked_gap for one in by_template([counted, counted])] == [0.75]
    assert [one.masked_gap for one in by_template([before, counted])] == [None]
    assert TemplateGap("a", 0.5, 0.0, nats=0.0, masked_nats=0.0).masked_gap is None
    assert TemplateGap("a", -torch.inf, 0.5, nats=torch.inf, masked_nats=torch.inf).masked_gap is None


def test_by_template():
    """A mean over three completions counts three times."""
    told = [TemplateGap("a", -2.0, 0.25, 3), TemplateGap("a", 2.0, 0.25)]
    assert by_template(told) == [TemplateGap("a", -1.0, 0.25, 4)]
    gaps = [TemplateGap("a", -1.0, 0.5), TemplateGap("b", 0.5, 0.0), TemplateGap("a", -3.0, 0.0)]
    assert by_template(gaps) == [TemplateGap("a", -2.0, 0.25, 2), TemplateGap("b", 0.5, 0.0, 1)]


@pytest.mark.parametrize("on_policy", [True, False])
def test_the_update_finds_what_a_pass_of_its_own_finds(policy, on_policy):
    rows = [
        replace(row, template="z" * (not row.is_bare), correct=row.advantage > 0) for row in make_rows(templated=True)
    ]
    wanted = [
        gap
        for row, gap in zip(rows, context_gaps(policy, rows, TEMPERATURE, 64), strict=True)
        if gap is not None and row.correct
    ]
    assert len(wanted) == 2
    objective = Objective(Masked(), ClippedLoss(), TEMPERATURE, TokenMean())
    output = objective(policy, rows, objective.old_logps(policy, rows, 64, on_policy), 1.0)
    assert [one.gap for one in output.gaps] == pytest.approx(wanted, abs=1e-5)


def test_the_nats_of_templates_are_those_of_the_epochs_masked_gap(policy):
    """Where every templated row is right, both are over the same tokens."""
    rows = [replace(row, template="z", correct=True) for row in make_rows(templated=True) if not row.is_bare]
    objective = Objective(Masked(low=0.9), ClippedLoss(), TEMPERATURE, TokenMean())
    output = objective(policy, rows, objective.old_logps(policy, rows, 64, True), 1.0)
    [joined], stats = by_template(output.gaps), output.context_mask_stats
    assert (joined.nats, joined.masked_nats) == pytest.approx((stats.gap, stats.masked_gap))
    assert 0 < joined.masked_nats < joined.nats


@pytest.mark.parametrize("estimator", [Replace(), Importance(), Templated()])
def test_an_estimator_that_reads_one_context_tells_no_gap(policy, estimator):
    rows = [replace(row, template="z", correct=True) for row in make_rows(templated=True)]
    objective = Objective(estimator, ClippedLoss(), TEMPERATURE, TokenMean())
    assert objective(policy, rows, objective.old_logps(policy, rows, 64, True), 1.0).gaps == []
