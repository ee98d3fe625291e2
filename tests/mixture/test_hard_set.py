import pytest

from factories import question, rollout
from p2o.mixture.hard_set import HardSet
from p2o.mixture.selection import SolvedQuestions


@pytest.mark.parametrize(("tau", "hard"), [(1, {"q0"}), (2, {"q0", "q1"}), (4, {"q0", "q1", "q3"})])
def test_hard_iff_fewer_than_tau_are_correct(tau, hard):
    hard_set = HardSet(tau, 6)
    for number, correct in [(0, 0), (1, 1), (3, 3), (6, 6)]:
        hard_set.observe(rollout(k < correct, number=number) for k in range(6))
    assert hard_set.hard == set()  # not before the epoch ends
    hard_set.close()
    assert hard_set.hard == hard


def test_a_shaped_reward_does_not_make_a_wrong_answer_right():
    hard_set = HardSet(1, 6)
    hard_set.observe([rollout(False, reward=0.9)] * 6)
    hard_set.close()
    assert hard_set.hard == {"q0"}


@pytest.mark.parametrize(("correct", "hard"), [([2] + [0] * 9, {"q0"}), ([2] * 10, set()), ([6] * 4 + [0] * 6, set())])
def test_a_question_that_was_rolled_out_again_is_hard_by_the_share_of_correct_ones(correct, hard):
    """Ten groups of six, of which dynamic sampling asked nine in place of others."""
    hard_set = HardSet(2, 6)
    for group in correct:
        hard_set.observe(rollout(k < group) for k in range(6))
    assert hard_set.hard_so_far() == hard
    hard_set.close()
    assert hard_set.hard == hard
    assert hard_set.shares() == {"q0": sum(correct) / 60}
    assert SolvedQuestions(2)(question(0), hard_set) is not bool(hard)


@pytest.mark.parametrize(("hinted", "hard"), [(3, {"q0"}), (4, set())])
def test_failures_that_a_hint_made_room_for_are_counted(hinted, hard):
    """Six bare failures, and five rollouts under a hint: 3/11 < 2/6 < 4/11."""
    hard_set = HardSet(2, 6)
    hard_set.observe([rollout(False)] * 6)
    hard_set.observe(rollout(k < hinted, "A hint.") for k in range(5))
    hard_set.close()
    assert (hard_set.hard, hard_set.shares()) == (hard, {"q0": hinted / 11})


def test_each_epoch_counts_anew():
    hard_set = HardSet(2, 6)
    for _ in range(2):
        hard_set.observe(rollout(k < 1) for k in range(6))
        hard_set.close()
    assert hard_set.hard == {"q0"} and hard_set.shares() == {"q0": 1 / 6}  # of this epoch, not of both


def test_state_survives_in_the_middle_of_an_epoch():
    hard_set, other = HardSet(2, 2), HardSet(2, 2)
    hard_set.observe([rollout(False, number=5)])
    hard_set.close()
    hard_set.observe([rollout(True, number=1)])
    other.load_state_dict(hard_set.state_dict())
    for each in (hard_set, other):
        each.observe([rollout(True, number=1)])
    assert other.state_dict() == hard_set.state_dict()
    assert hard_set.state_dict() == {
        "correct": {"q1": 2},
        "rolled": {"q1": 2},
        "hard": ["q5"],
        "last": {"q5": 0},
        "last_rolled": {"q5": 1},
        "asked": ["q5"],
        "turns": {"q5": 1},
    }


@pytest.mark.parametrize(("tau", "hard"), [(1, {"q0"}), (2, {"q0", "q1"}), (3, {"q0", "q1", "q2"})])
def test_another_tau_in_a_resumed_run_holds_for_the_last_epoch_too(tau, hard):
    """What an earlier release found hard, and kept no count of, stays so."""
    hard_set, other = HardSet(2, 4), HardSet(tau, 4)
    hard_set.observe(rollout(k < correct, number=correct) for correct in range(4) for k in range(4))
    hard_set.close()
    other.load_state_dict(hard_set.state_dict() | {"hard": [*hard_set.hard, "old"]})
    assert other.hard == {*hard, "old"}


def test_of_a_checkpoint_of_an_earlier_release_each_question_has_k_rollouts():
    hard_set, other = HardSet(2, 4), HardSet(2, 4)
    hard_set.observe(rollout(k < number, number=number) for number in (1, 3) for k in range(4))
    hard_set.close()
    hard_set.observe(rollout(k < 1, number=0) for k in range(4))
    state = hard_set.state_dict()
    other.load_state_dict({name: kept for name, kept in state.items() if "rolled" not in name})
    assert other.state_dict() == state


def test_a_question_that_an_epoch_does_not_ask_keeps_its_last_observation():
    hard_set = HardSet(2, 2)
    for epoch in ({0: 1, 1: 1, 2: 2}, {1: 2, 2: 1}, {3: 0}):
        hard_set.observe(rollout(k < correct, number=n) for n, correct in epoch.items() for k in range(2))
        hard_set.close()
    assert hard_set.hard == {"q0", "q2", "q3"}  # q0 of the first epoch, q2 of the second
    assert hard_set.shares() == {"q0": 0.5, "q1": 1.0, "q2": 0.5, "q3": 0.0}
    assert hard_set.asked == {"q3"}
