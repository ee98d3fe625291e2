from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from factories import rollout
from p2o.errors import InputError
from p2o.objective.exploration import BatchBonus, ConstantBaseline, HistoricalBonus, MeanBaseline, NoBonus, final_answer


def answers(*texts, question="q"):
    return [(question, text) for text in texts]


def seen(baseline, coefficient=1.0):
    """A bonus that has seen the answer 5 four times, 6 once, and 5 to another question."""
    bonus = HistoricalBonus(baseline, coefficient)
    bonus.observe(answers("5", "5", "6", "5", "5") + answers("5", question="other"))
    return bonus


def test_historical_bonus_by_hand():
    group = answers("5", "6", "7", "")  # 1/√4, 1/√1, never seen, none given
    found = seen(ConstantBaseline(0.0))([group, answers("5", "5", "6", "6", question="other")])
    assert_close(found, torch.tensor([[0.5, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]))


def test_baselines_by_hand():
    group = answers("5", "6", "7", "")
    assert_close(seen(ConstantBaseline(0.5), 2.0)([group]), torch.tensor([[0.0, 1.0, 1.0, -1.0]]))
    assert_close(seen(MeanBaseline(), 2.0)([group]), 2 * torch.tensor([[0.5, 1.0, 1.0, 0.0]]) - 2 * 2.5 / 4)


@pytest.mark.parametrize("times", [1, 3, 5, 6, 11, 14])
def test_equal_answers_have_no_bonus_whatever_rounding_makes_of_their_mean(times):
    bonus = HistoricalBonus(MeanBaseline())
    bonus.observe(answers(*["5"] * times))
    for size in (3, 6, 8):
        assert bonus([answers(*["5"] * size)]).count_nonzero() == 0


def test_the_state_lasts():
    bonus = seen(ConstantBaseline(0.5))
    other = HistoricalBonus(ConstantBaseline(0.5), 1.0)
    other.load_state_dict(bonus.state_dict())
    other.observe(answers("7"))
    assert other.counts["q"] == {"5": 4, "6": 1, "7": 1} and "7" not in bonus.counts["q"]


def test_batch_bonus_by_hand():
    # of four: 5 has one other like it, 6 none, no answer none
    assert_close(BatchBonus(2.0)([answers("5", "5", "6", "")]), torch.tensor([[-0.5, -0.5, 0.0, 0.0]]))


def test_no_bonus():
    assert NoBonus()([answers("5", "6")]).tolist() == [[0.0, 0.0]]


def test_all_correct_answers_are_one():
    right, wrong = rollout(True), rollout(False)
    spelt = replace(right, grade=replace(right.grade, extracted="2/2"))
    assert final_answer(right) == final_answer(spelt) == ("q0", "1")
    assert final_answer(replace(wrong, grade=replace(wrong.grade, extracted=" 7 "))) == ("q0", "7")
    assert final_answer(replace(wrong, grade=replace(wrong.grade, extracted=""))) == ("q0", "")


def test_refuses_impossible_settings():
    with pytest.raises(InputError, match="coefficient > 0"):
        BatchBonus(0.0)
    with pytest.raises(InputError, match="coefficient > 0"):
        HistoricalBonus(MeanBaseline(), 0.0)
    with pytest.raises(InputError, match="value <= 1"):
        ConstantBaseline(2.0)
