import pytest
import torch
from torch.testing import assert_close

from p2o.errors import InputError
from p2o.objective.advantages import (
    Centred,
    GroupNormalized,
    LeaveOneOut,
    MaxRL,
    NGRPOAdvantage,
    PerPrompt,
    RewardItself,
)
from p2o.rewards import ExactAnswer, SoftOverlong


def advantages(advantage, rewards, prompts=None):
    rewards = torch.tensor(rewards)
    return advantage(rewards, torch.zeros_like(rewards) if prompts is None else torch.tensor(prompts))


def test_group_normalized_by_hand():
    # one of six right: mean 1/6, Bessel std sqrt(1*5/30) = 0.408248; winner (5/6)/0.408248, losers (-1/6)/0.408248
    std = torch.tensor([(5 / 30) ** 0.5, (8 / 30) ** 0.5])
    expected = torch.tensor(
        [
            [5 / 6 / (std[0] + 1e-6)] + [-1 / 6 / (std[0] + 1e-6)] * 5,
            [4 / 6 / (std[1] + 1e-6)] * 2 + [-2 / 6 / (std[1] + 1e-6)] * 4,
        ]
    )
    found = advantages(GroupNormalized(), [[1.0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]])
    assert_close(found, expected, rtol=1e-6, atol=0)
    assert_close(found[0, :2], torch.tensor([2.04124, -0.40825]), rtol=1e-4, atol=0)


def test_centred_by_hand():
    assert_close(advantages(Centred(), [[1.0, 0, 0, 0]]), torch.tensor([[0.75, -0.25, -0.25, -0.25]]))


def test_maxrl_by_hand():
    # one of four right: mean 1/4, the winner (1 - 1/4) / (1/4) = 3, a loser -1; all wrong and all right: 0
    found = advantages(MaxRL(), [[1.0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    assert_close(found, torch.tensor([[3.0, -1, -1, -1], [0, 0, 0, 0], [0, 0, 0, 0]]))
    with pytest.raises(InputError, match=r"needs rewards >= 0, got -0\.5"):
        advantages(MaxRL(), [[1.0, -0.5]])


def test_leave_one_out_by_hand():
    # the winner against the mean of three losers: 1 - 0; a loser against one winner and two losers: 0 - 1/3
    assert_close(advantages(LeaveOneOut(), [[1.0, 0, 0, 0]]), torch.tensor([[1.0, -1 / 3, -1 / 3, -1 / 3]]))


def test_virtual_reward_by_hand():
    # all wrong, K = 8, and one virtual right: mean 1/9, Bessel std 1/3, so (0 - 1/9) / (1/3) = -1/3
    found = advantages(NGRPOAdvantage(), [[0.0] * 8, [1.0] * 8, [1.0] + [0.0] * 7])
    assert_close(found[0], torch.full((8,), -1 / 3), rtol=1e-5, atol=0)
    assert found[1].count_nonzero() == 0
    # one right: mean 2/9, Bessel std sqrt(2*7/(9*8)) = 0.440959
    assert_close(found[2, :2], torch.tensor([7 / 9 / 0.440959, -2 / 9 / 0.440959]), rtol=1e-5, atol=0)


def test_per_prompt_by_hand():
    # prompt 0 has 1, 0, 0 (mean 1/3), prompt 1 has 1, 1 (no difference), prompt 2 is alone
    found = advantages(PerPrompt(Centred()), [[1.0, 1, 0, 1, 0, 1]], [[0, 1, 0, 1, 0, 2]])
    assert_close(found, torch.tensor([[2 / 3, 0, -1 / 3, 0, -1 / 3, 0]]))
    assert advantages(PerPrompt(GroupNormalized()), [[1.0, 0]], [[0, 1]]).count_nonzero() == 0  # no NaN
    same = [[1.0, 0, 0, 0]]
    assert torch.equal(advantages(PerPrompt(Centred()), same), advantages(Centred(), same))
    with pytest.raises(InputError, match="another advantage"):
        PerPrompt(PerPrompt(Centred()))


def test_the_reward_itself():
    assert advantages(RewardItself(), [[1.0, 1.0, 0.0]]).tolist() == [[1.0, 1.0, 0.0]]


@pytest.mark.parametrize("advantage", [GroupNormalized(), Centred(), LeaveOneOut(), PerPrompt(GroupNormalized())])
def test_equal_rewards_have_exactly_no_advantage(advantage):
    # 0.1 is not a binary fraction: its mean over seven differs from it by a rounding error
    rewards = [[0.0] * 7, [1.0] * 7, [0.1] * 7, [0.7] * 7]
    assert advantages(advantage, rewards).count_nonzero() == 0


def test_what_cannot_be_compared_is_known_before_training():
    shaped = SoftOverlong(ExactAnswer(), 100, 20)
    for advantage in (MaxRL(), PerPrompt(MaxRL())):
        assert list(advantage.problems(ExactAnswer())) == []
        [problem] = advantage.problems(shaped)
        assert "SoftOverlong may give less" in problem
    assert list(GroupNormalized().problems(shaped)) == []
