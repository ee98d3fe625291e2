"""K = 2: question 0, 3, 6 … is all wrong, 1, 4, 7 … mixed, 2, 5, 8 … all right."""

import pytest
from stub_step import StubStep, mixture_item

from p2o.errors import InputError
from p2o.rollouts import AllGroups, DynamicSampling


def ids(groups):
    return [group[0].question.id for group in groups]


def test_asks_until_the_batch_is_full_of_mixed_groups():
    step = StubStep(questions=12)
    sampled = DynamicSampling()([mixture_item(n) for n in (0, 1, 2)], step)
    assert ids(sampled.train) == ["q1", "q4", "q7"]
    # two places are left: 3 and 4 give one, 5 none, 6 none, 7 one
    assert step.asked == [["q0", "q1", "q2"], ["q3", "q4"], ["q5"], ["q6"], ["q7"]]
    assert ids(sampled.dropped) == ["q0", "q2", "q3", "q5", "q6"]


def test_a_full_batch_asks_no_more():
    step = StubStep(questions=12)
    sampled = DynamicSampling()([mixture_item(1), mixture_item(4)], step)
    assert ids(sampled.train) == ["q1", "q4"] and sampled.dropped == [] and len(step.asked) == 1


@pytest.mark.parametrize(("rounds", "questions"), [(3, 99), (10, 6)])  # the rounds end, or the questions
def test_zero_variance_groups_fill_what_is_left(rounds, questions):
    step = StubStep(questions)
    sampled = DynamicSampling(max_generation_rounds=rounds)([mixture_item(n) for n in (0, 1, 2)], step)
    assert ids(sampled.train) == ["q0", "q1", "q4"]
    assert sorted(ids(sampled.train) + ids(sampled.dropped)) == sorted(q for asked in step.asked for q in asked)
    assert len(step.asked) <= rounds


def test_one_round_is_no_dynamic_sampling():
    sampled = DynamicSampling(max_generation_rounds=1)([mixture_item(0), mixture_item(1)], StubStep(9))
    assert ids(sampled.train) == ["q0", "q1"] and sampled.dropped == []


def test_all_groups_takes_what_comes():
    sampled = AllGroups()([mixture_item(2), mixture_item(0)], StubStep(9))
    assert ids(sampled.train) == ["q2", "q0"] and sampled.dropped == []


def test_refuses_no_round():
    with pytest.raises(InputError, match="max_generation_rounds >= 1"):
        DynamicSampling(max_generation_rounds=0)
