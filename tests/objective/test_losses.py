import math

import pytest
import torch
from torch.testing import assert_close

from p2o.errors import InputError
from p2o.objective.aggregation import (
    ConstantLength,
    OnlySignal,
    SequenceMean,
    TokenMean,
    WithoutTruncated,
    weighted_sum,
)
from p2o.objective.engine_correction import NoCorrection, TruncatedImportance
from p2o.objective.losses import CISPOLoss, ClippedLoss, GSPOLoss, LogLikelihood
from p2o.objective.regularizers import EntropyBonus, ReferenceKL
from p2o.objective.rows import TrainingSample

ONE = torch.tensor([[True]])


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss"),
    [
        (1.0, 2.0, -2.0),  # on policy
        (1.1, 2.0, -2.2),  # inside the clip
        (1.5, 2.0, -2.4),  # good token already likelier: clipped at 1.2, no gradient
        (0.5, 2.0, -1.0),  # good token less likely: the unclipped term is worse and counts
        (0.5, -2.0, 1.6),  # bad token already rarer: clipped at 0.8
        (1.5, -2.0, 3.0),  # bad token likelier: full price
        (9.0, -2.0, 6.0),  # bad token exploded: dual clip at 3 * 2 instead of 18
        (9.0, 2.0, -2.4),  # the dual clip is for bad tokens alone
    ],
)
def test_clipped_loss_by_hand(ratio, advantage, loss):
    old = torch.tensor([[-2.0]], dtype=torch.float64)
    logps = old + torch.tensor(ratio, dtype=torch.float64).log()
    value = ClippedLoss()(logps, old, torch.tensor([[advantage]], dtype=torch.float64), ONE)
    assert_close(value, torch.tensor([[loss]], dtype=torch.float64), rtol=1e-9, atol=0)


def test_clip_higher():
    logps = torch.log(torch.tensor([[1.25, 1.4]]))
    losses = ClippedLoss(epsilon_low=0.2, epsilon_high=0.28)(
        logps, torch.zeros(1, 2), torch.ones(1, 1), ONE.expand(1, 2)
    )
    assert_close(losses, torch.tensor([[-1.25, -1.28]]))


def test_an_exploded_ratio_stays_finite():
    losses = ClippedLoss()(torch.zeros(1, 1), torch.full((1, 1), -200.0), torch.tensor([[-1.0]]), ONE)
    assert_close(losses, torch.tensor([[3.0]]))


def by_row(aggregation, losses, rows):
    """The mean over a mini-batch, as the objective takes it."""
    mask = torch.arange(losses.shape[1]) < torch.tensor([[len(row.completion_ids)] for row in rows])
    shares = [aggregation(row) for row in rows]
    weights = torch.tensor([[share.weight] for share in shares])
    return float(weighted_sum(losses, weights, mask)) / sum(share.size for share in shares)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (TokenMean(), (1 + 2 + 3 + 4) / 4),
        (SequenceMean(), ((1 + 2 + 3) / 3 + 4 / 1) / 2),
        (ConstantLength(10), (6 / 10 + 4 / 10) / 2),
        (WithoutTruncated(TokenMean()), (1 + 2 + 3) / 3),
        (WithoutTruncated(SequenceMean()), (1 + 2 + 3) / 3),
        (WithoutTruncated(ConstantLength(10)), 6 / 10),
    ],
)
def test_aggregations_by_hand(aggregation, expected):
    losses = torch.tensor([[1.0, 2.0, 3.0], [4.0, torch.nan, 100.0]])  # padding may hold anything
    rows = [TrainingSample((1,), (1,), (2, 2, 2), 1.0), TrainingSample((1,), (1,), (2,), 1.0, truncated=True)]
    assert by_row(aggregation, losses, rows) == pytest.approx(expected)


def test_only_signal_leaves_out_what_teaches_nothing():
    losses = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    rows = [TrainingSample((1,), (1,), (2, 2, 2), 1.0), TrainingSample((1,), (1,), (2, 2, 2), 0.0)]
    assert by_row(TokenMean(), losses, rows) == 1.0
    assert by_row(OnlySignal(TokenMean()), losses, rows) == 2.0


def test_log_likelihood_by_hand():
    logps = torch.tensor([[-2.0, -0.5]])
    losses = LogLikelihood()(logps, torch.zeros(1, 2), torch.tensor([[3.0]]), ONE.expand(1, 2))
    assert losses.tolist() == [[6.0, 1.5]]


def test_sequence_ratio_by_hand():
    # log ratios 0.2, -0.1 and padding: s = e^0.05; with A = 1 clipped at 1.04, with A = -1 at full price
    logps = torch.tensor([[-1.0, -2.0, torch.nan]], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([[-1.2, -1.9, 0.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False]])
    loss = GSPOLoss(epsilon_low=0.04, epsilon_high=0.04)
    good = loss(logps, old, torch.tensor([[1.0]], dtype=torch.float64), mask)
    assert_close(good[mask], torch.tensor([-1.04, -1.04], dtype=torch.float64))
    bad = loss(logps, old, torch.tensor([[-1.0]], dtype=torch.float64), mask)
    assert_close(bad[mask], torch.full((2,), math.exp(0.05), dtype=torch.float64))
    # GSPO's gradient: d s / d log π(y_t) = s / |y| for each token
    (bad[mask].sum() / 2).backward()
    assert_close(logps.grad[mask], torch.full((2,), math.exp(0.05) / 2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("ratio", "advantage", "weight"),
    [(1.5, 2.0, 1.5), (9.0, 2.0, 5.0), (9.0, -1.0, 5.0), (0.1, -1.0, 0.1)],
)
def test_cispo_by_hand(ratio, advantage, weight):
    logps = torch.tensor([[-2.0]], dtype=torch.float64, requires_grad=True)
    old = logps.detach() - math.log(ratio)
    loss = CISPOLoss(epsilon_max=5.0)(logps, old, torch.tensor([[advantage]], dtype=torch.float64), ONE)
    assert float(loss.detach()) == pytest.approx(weight * advantage * 2.0)
    loss.sum().backward()
    assert float(logps.grad) == pytest.approx(-weight * advantage)  # a clipped token keeps its gradient


def test_k3_by_hand():
    # d = ln 2: 2 - ln 2 - 1; d = -ln 2: 1/2 + ln 2 - 1; d = 0: 0
    logps = torch.tensor([[-1.0, -1.0, -1.0]])
    reference = logps + torch.tensor([[math.log(2), -math.log(2), 0.0]])
    found = ReferenceKL(beta=0.5)(logps, reference, torch.zeros(1, 3))
    assert_close(found, 0.5 * torch.tensor([[1 - math.log(2), math.log(2) - 0.5, 0.0]]))


def test_entropy_bonus_by_hand():
    entropies = torch.tensor([[math.log(4), 0.0]])
    assert_close(EntropyBonus(0.1)(entropies, entropies, entropies), torch.tensor([[-0.1 * math.log(4), 0.0]]))


def test_engine_corrections_by_hand():
    # the trainer finds the tokens 1.5 times, half and ten times as likely as the engine
    trainer = torch.tensor([[1.5, 0.5, 10.0]]).log()
    engine = torch.zeros(1, 3)
    assert_close(TruncatedImportance(cap=2.0)(trainer, engine), torch.tensor([[1.5, 0.5, 2.0]]))
    assert_close(NoCorrection()(trainer, engine), torch.ones(1, 3))


def test_refuses_impossible_bounds():
    with pytest.raises(InputError, match="dual_clip"):
        ClippedLoss(dual_clip=1.0)


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (GSPOLoss, {"epsilon_low": 1.0}, "epsilon_low"),
        (CISPOLoss, {"epsilon_max": 0.0}, "epsilon_max > 0"),
        (ConstantLength, {"length": 0}, "length >= 1"),
        (ReferenceKL, {"beta": 0.0}, "beta > 0"),
        (EntropyBonus, {"coefficient": -1.0}, "coefficient > 0"),
        (TruncatedImportance, {"cap": 0.0}, "cap > 0"),
    ],
)
def test_refuses_impossible_settings(part, settings, message):
    with pytest.raises(InputError, match=message):
        part(**settings)
