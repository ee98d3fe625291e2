import pytest

from factories import rollout
from p2o.mixture.hard_set import HardSet


@pytest.mark.parametrize(("tau", "hard"), [(1, {"q0"}), (2, {"q0", "q1"}), (4, {"q0", "q1", "q3"})])
def test_hard_iff_fewer_than_tau_are_correct(tau, hard):
    hard_set = HardSet(tau)
    for number, correct in [(0, 0), (1, 1), (3, 3), (6, 6)]:
        hard_set.observe(rollout(k < correct, number=number) for k in range(6))
    assert hard_set.hard == set()  # not before the epoch ends
    hard_set.close()
    assert hard_set.hard == hard


def test_a_shaped_reward_does_not_make_a_wrong_answer_right():
    hard_set = HardSet(1)
    hard_set.observe([rollout(False, reward=0.9)] * 6)
    hard_set.close()
    assert hard_set.hard == {"q0"}


def test_each_epoch_counts_anew():
    hard_set = HardSet(2)
    hard_set.observe([rollout(True)])
    hard_set.close()
    hard_set.observe([rollout(True)])
    hard_set.close()
    assert hard_set.hard == {"q0"}  # one correct in this epoch, not two in both


def test_state_survives_in_the_middle_of_an_epoch():
    hard_set, other = HardSet(2), HardSet(2)
    hard_set.observe([rollout(False, number=5)])
    hard_set.close()
    hard_set.observe([rollout(True, number=1)])
    other.load_state_dict(hard_set.state_dict())
    for each in (hard_set, other):
        each.observe([rollout(True, number=1)])
    assert other.state_dict() == hard_set.state_dict()
    assert hard_set.state_dict() == {
        "correct": {"q1": 2},
        "hard": ["q5"],
        "last": {"q5": 0},
        "asked": ["q5"],
        "turns": {"q5": 1},
    }


@pytest.mark.parametrize(("tau", "hard"), [(1, {"q0"}), (2, {"q0", "q1"}), (3, {"q0", "q1", "q2"})])
def test_another_tau_in_a_resumed_run_holds_for_the_last_epoch_too(tau, hard):
    """What an earlier release found hard, and kept no count of, stays so."""
    hard_set, other = HardSet(2), HardSet(tau)
    hard_set.observe(rollout(k < correct, number=correct) for correct in range(4) for k in range(4))
    hard_set.close()
    other.load_state_dict(hard_set.state_dict() | {"hard": [*hard_set.hard, "old"]})
    assert other.hard == {*hard, "old"}


def test_a_question_that_an_epoch_does_not_ask_keeps_its_last_observation():
    hard_set = HardSet(2)
    for epoch in ({0: 1, 1: 1, 2: 2}, {1: 2, 2: 1}, {3: 0}):
        hard_set.observe(rollout(k < correct, number=n) for n, correct in epoch.items() for k in range(2))
        hard_set.close()
    assert hard_set.hard == {"q0", "q2", "q3"}  # q0 of the first epoch, q2 of the second
    assert hard_set.last == {"q0": 1, "q1": 2, "q2": 1, "q3": 0}
    assert hard_set.asked == {"q3"}


def test_the_share_of_correct_rollouts_is_that_of_the_last_time_and_at_most_one():
    seen = HardSet(2)
    seen.last = {"a": 0, "b": 2, "c": 8}  # `c` was rolled out again
    assert seen.shares(4) == {"a": 0.0, "b": 0.5, "c": 1.0}
