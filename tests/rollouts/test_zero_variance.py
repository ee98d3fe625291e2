from factories import rollout
from p2o.rollouts.zero_variance import zero_std_shares


def test_groups_without_signal_are_told_by_cause():
    groups = [
        [rollout(False), rollout(False)],
        [rollout(False, "z"), rollout(False, "z")],
        [rollout(True, "z"), rollout(True, "z")],
        [rollout(True, "z"), rollout(True)],
        [rollout(True), rollout(False)],
    ]
    shares = zero_std_shares(groups)
    assert {name: share for name, share in shares.items() if share} == {
        "frac_reward_zero_std/all_wrong_bare": 0.2,
        "frac_reward_zero_std/all_wrong_templated": 0.2,
        "frac_reward_zero_std/all_right_templated": 0.2,
        "frac_reward_zero_std/all_right_mixed": 0.2,
    }
    assert len(shares) == 9


def test_equal_shaped_rewards_are_no_verdict():
    shares = zero_std_shares([[rollout(True, reward=0.5), rollout(False, reward=0.5)]])
    assert shares["frac_reward_zero_std/equal_bare"] == 1.0
