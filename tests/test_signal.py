from factories import rollout
from p2o.signal import signal_shares


def test_groups_without_signal_are_told_by_cause():
    groups = [
        [rollout(False), rollout(False)],
        [rollout(False, "z"), rollout(False, "z")],
        [rollout(True, "z"), rollout(True, "z")],
        [rollout(True, "z"), rollout(True)],
        [rollout(True), rollout(False)],
    ]
    shares = signal_shares(groups)
    assert {name: share for name, share in shares.items() if share} == {
        "no_signal/all_wrong_bare": 0.2,
        "no_signal/all_wrong_templated": 0.2,
        "no_signal/all_right_templated": 0.2,
        "no_signal/all_right_mixed": 0.2,
    }
    assert len(shares) == 9


def test_equal_shaped_rewards_are_no_verdict():
    shares = signal_shares([[rollout(True, reward=0.5), rollout(False, reward=0.5)]])
    assert shares["no_signal/equal_bare"] == 1.0
