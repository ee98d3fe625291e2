"""K = 2: question 0, 3, 6 … is all wrong, 1, 4, 7 … mixed, 2, 5, 8 … all right."""

import pytest
from stub_step import StubStep, mixture_item

from factories import rollout
from p2o.engines.base import SamplingParams
from p2o.errors import InputError
from p2o.rollouts import AllGroups, DynamicSampling
from p2o.rollouts.step import RolloutStep


def ids(groups):
    return [group[0].question.id for group in groups]


def test_asks_until_the_batch_is_full_of_mixed_groups():
    step = StubStep(questions=12)
    sampled = DynamicSampling()([mixture_item(n) for n in (0, 1, 2)], step)
    assert ids(sampled.train) == ["q1", "q4", "q7"]
    # two places are left: 3 and 4 give one, 5 none, 6 none, 7 one
    assert step.asked == [["q0", "q1", "q2"], ["q3", "q4"], ["q5"], ["q6"], ["q7"]]
    assert ids(sampled.dropped) == ["q0", "q2", "q3", "q5", "q6"]
    assert step.extra == [False, True, True, True, True]


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


class StubWorker:
    """Keeps the seeds that it is asked with."""

    def __init__(self):
        self.seeds = []

    def roll_out(self, policy, requests, sampling, phase):
        self.seeds += [request.seed for request in requests]
        return [rollout(False, number=int(request.question.id[1:])) for request in requests]


def seeds(rank, items, generation_round=0, **kind):
    worker, nobody = StubWorker(), None
    step = RolloutStep(worker, nobody, nobody, SamplingParams(1.0, 8), 0, 3, 9, rank, nobody, nobody)
    step.roll_out(items, generation_round, **kind)
    return worker.seeds


def test_an_extra_question_that_two_processes_draw_has_other_rollouts_on_each():
    """All else has the same seeds wherever it is asked: a run is the same on one process or several."""
    items = [mixture_item(4)]
    assert len({*seeds(0, items, 1, extra=True), *seeds(1, items, 1, extra=True)}) == 4
    assert seeds(0, items, 1, extra=True) == seeds(0, items, 1)  # what a run of one process has always had
    for generation_round in (0, 1):
        assert seeds(0, items, generation_round) == seeds(1, items, generation_round)
