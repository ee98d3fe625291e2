import torch
from torch.testing import assert_close

from p2o.advantages import GroupNormalized


def test_group_normalized_by_hand():
    # one of six right: mean 1/6, Bessel std sqrt(1*5/30) = 0.408248; winner (5/6)/0.408248, losers (-1/6)/0.408248
    rewards = torch.tensor([[1.0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]])
    std = torch.tensor([(5 / 30) ** 0.5, (8 / 30) ** 0.5])
    expected = torch.tensor(
        [
            [5 / 6 / (std[0] + 1e-6)] + [-1 / 6 / (std[0] + 1e-6)] * 5,
            [4 / 6 / (std[1] + 1e-6)] * 2 + [-2 / 6 / (std[1] + 1e-6)] * 4,
        ]
    )
    assert_close(GroupNormalized()(rewards), expected, rtol=1e-6, atol=0)
    assert_close(GroupNormalized()(rewards)[0, :2], torch.tensor([2.04124, -0.40825]), rtol=1e-4, atol=0)


def test_equal_rewards_have_exactly_no_advantage():
    # 0.1 is not a binary fraction: its mean over seven differs from it by a rounding error
    rewards = torch.tensor([[0.0] * 7, [1.0] * 7, [0.1] * 7, [0.7] * 7])
    assert GroupNormalized()(rewards).count_nonzero() == 0
