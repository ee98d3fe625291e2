import pytest
import torch
from torch.testing import assert_close

from p2o.errors import InputError
from p2o.losses import ClippedLoss, token_mean


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
    value = ClippedLoss()(logps, old, torch.tensor([[advantage]], dtype=torch.float64))
    assert_close(value, torch.tensor([[loss]], dtype=torch.float64), rtol=1e-9, atol=0)


def test_clip_higher():
    logps = torch.log(torch.tensor([[1.25, 1.4]]))
    losses = ClippedLoss(epsilon_low=0.2, epsilon_high=0.28)(logps, torch.zeros(1, 2), torch.ones(1, 1))
    assert_close(losses, torch.tensor([[-1.25, -1.28]]))


def test_an_exploded_ratio_stays_finite():
    losses = ClippedLoss()(torch.zeros(1, 1), torch.full((1, 1), -200.0), torch.tensor([[-1.0]]))
    assert_close(losses, torch.tensor([[3.0]]))


def test_token_mean_keeps_silent_tokens_in_the_denominator():
    losses = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 100.0]])
    weights = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert float(token_mean(losses, weights, mask, tokens=5)) == pytest.approx((1 + 3 + 4 + 5) / 5)


def test_padding_may_hold_anything():
    mask = torch.tensor([[True, False]])
    assert float(token_mean(torch.tensor([[2.0, torch.nan]]), torch.ones(1, 2), mask, tokens=1)) == 2.0


def test_refuses_impossible_bounds():
    with pytest.raises(InputError, match="dual_clip"):
        ClippedLoss(dual_clip=1.0)
