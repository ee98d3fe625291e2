"""K = 2: question 0, 3, 6 … is all wrong, 1, 4, 7 … mixed, 2, 5, 8 … all right."""

import pytest
from stub_context import StubContext, sample

from p2o.errors import InputError
from p2o.rollouts import AllGroups, DynamicSampling


def ids(groups):
    return [group[0].question.id for group in groups]


def test_asks_until_the_batch_is_full_of_mixed_groups():
    context = StubContext(questions=12)
    drawn = DynamicSampling()([sample(n) for n in (0, 1, 2)], context)
    assert ids(drawn.groups) == ["q1", "q4", "q7"]
    # two places are left: 3 and 4 give one, 5 none, 6 none, 7 one
    assert context.asked == [["q0", "q1", "q2"], ["q3", "q4"], ["q5"], ["q6"], ["q7"]]
    assert ids(drawn.left_out) == ["q0", "q2", "q3", "q5", "q6"]


def test_a_full_batch_asks_no_more():
    context = StubContext(questions=12)
    drawn = DynamicSampling()([sample(1), sample(4)], context)
    assert ids(drawn.groups) == ["q1", "q4"] and drawn.left_out == [] and len(context.asked) == 1


@pytest.mark.parametrize(("turns", "questions"), [(3, 99), (10, 6)])  # the turns end, or the questions
def test_groups_without_signal_fill_what_is_left(turns, questions):
    context = StubContext(questions)
    drawn = DynamicSampling(max_generation_rounds=turns)([sample(n) for n in (0, 1, 2)], context)
    assert ids(drawn.groups) == ["q0", "q1", "q4"]
    assert sorted(ids(drawn.groups) + ids(drawn.left_out)) == sorted(q for turn in context.asked for q in turn)
    assert len(context.asked) <= turns


def test_one_turn_is_no_dynamic_sampling():
    drawn = DynamicSampling(max_generation_rounds=1)([sample(0), sample(1)], StubContext(9))
    assert ids(drawn.groups) == ["q0", "q1"] and drawn.left_out == []


def test_take_all_takes_what_comes():
    drawn = AllGroups()([sample(2), sample(0)], StubContext(9))
    assert ids(drawn.groups) == ["q2", "q0"] and drawn.left_out == []


def test_refuses_no_turn():
    with pytest.raises(InputError, match="max_generation_rounds >= 1"):
        DynamicSampling(max_generation_rounds=0)
