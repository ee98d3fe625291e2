"""A part of one's own that gives another shape than the objective needs is named: torch would broadcast it."""

import pytest
import torch

from objective_gradient import gradient, make_rows
from p2o.errors import InputError
from p2o.objective.context_estimators import ContextEstimator, Replace
from p2o.objective.engine_correction import EngineCorrection
from p2o.objective.losses import ClippedLoss, PolicyLoss
from p2o.objective.regularizers import EntropyBonus, Regularizer


class Averaged(PolicyLoss):
    """A loss as torch's are: one number, or one for each row."""

    def __init__(self, kept=None):
        self.kept = kept

    def __call__(self, logps, old_logps, advantages, mask):
        losses = ClippedLoss()(logps, old_logps, advantages, mask)
        return losses.mean() if self.kept is None else losses.mean(-1, keepdim=self.kept)


class AveragedBonus(EntropyBonus):
    def __call__(self, logps, reference, entropies):
        return super().__call__(logps, reference, entropies).mean()


class OneWeight(EngineCorrection):
    reads_logps = False

    def __call__(self, trainer, engine):
        return 1.0


class WeightOfRows(ContextEstimator):
    reads_bare = reads_templated = True

    def __call__(self, bare, templated):
        return bare, torch.ones(len(bare), 1)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"loss": Averaged()}, r"Averaged: expected .*\[R, T\] = \[\d+, \d+\], got \[\]\..*model\.aggregation"),
        ({"loss": Averaged(True)}, r"Averaged: expected .*\[R, T\] = \[(\d+), \d+\], got \[\1, 1\]"),
        ({"loss": Averaged(False)}, r"Averaged: expected .*\[R, T\] = \[(\d+), \d+\], got \[\1\]"),
        ({"regularizers": [AveragedBonus(0.01)]}, r"AveragedBonus: expected .*\[R, T\]"),
        ({"correction": OneWeight()}, r"OneWeight: expected .*\[R, T\] = \[\d+, \d+\], got 1\.0 of type float"),
        ({"estimator": WeightOfRows()}, r"WeightOfRows: expected .*\[R, T\]"),
    ],
    ids=["mean", "column", "flat", "regularizer", "correction", "context"],
)
def test_what_is_no_number_for_each_token_is_named(policy, parts, message):
    with pytest.raises(InputError, match=rf"test_own_parts\.{message}"):
        gradient(policy, **({"estimator": Replace()} | parts), rows=make_rows(templated=True), tokens=400)


class SaysNothing(ContextEstimator):
    """Replace, without a word about what it reads."""

    def __call__(self, bare, templated):
        return bare, torch.ones_like(bare)


class BonusThatSaysNothing(Regularizer):
    def __call__(self, logps, reference, entropies):
        return -0.01 * entropies


def test_a_part_that_does_not_say_what_it_reads_reads_all(policy):
    rows = make_rows(templated=True)
    assert BonusThatSaysNothing().averages is False
    _, found = gradient(policy, SaysNothing(), rows, tokens=400)
    _, expected = gradient(policy, Replace(), rows, tokens=400)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, expected, strict=True))
