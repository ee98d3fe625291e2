"""A gate, selector or reflector of one's own that breaks its contract is named, and what is right is taken."""

import json

import numpy
import pytest
from hint_task import HintPolicy, HintReflector, questions, to_example

from p2o.errors import InputError
from p2o.evolution.gates import Gate, SecondChance, StrictImprovement
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import BestSelector, ParentSelector
from p2o.evolution.settings import EvolutionSettings


def search(gate=StrictImprovement(), selector=BestSelector()):  # noqa: B008 (no state)
    return EvolutionSearch(
        questions("train", 9, 5),
        questions("dev", 6, 5),
        EvolutionSettings(60, completions=1),
        HintPolicy(),
        HintReflector(),
        to_example,
        selector,
        3,
        seed_templates=("",),
        gate=gate,
    )


class Judging(Gate):
    def __init__(self, verdict):
        self.verdict = verdict

    def judge(self, gain, mini_batches):
        return self.verdict


@pytest.mark.parametrize("verdict", [True, False, None, "ACCEPTED"])
def test_a_gate_that_gives_no_verdict_is_named(verdict):
    message = rf"test_own_parts\.Judging\.judge: expected a p2o.evolution.Verdict, got {verdict!r}"
    with pytest.raises(InputError, match=message):
        search(gate=Judging(verdict)).run()


class Selecting(ParentSelector):
    def __init__(self, parents):
        self.parents = parents

    def select(self, scores, limit, rng):
        return self.parents


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ([-1], r"rows of `scores` from 0 to 0, got \[-1\]"),
        ([99], r"rows of `scores` from 0 to 0, got \[99\]"),
        ([0.0], r"rows of `scores` from 0 to 0, got \[0.0\]"),
        ([], r"1 to 8 parents, got \[\]"),
        ([0] * 9, r"1 to 8 parents, got \[0, 0"),
        (None, r"1 to 8 parents, got None"),
    ],
)
def test_a_selector_that_gives_no_rows_of_the_pool_is_named(parents, message):
    with pytest.raises(InputError, match=rf"test_own_parts\.Selecting\.select: expected {message}"):
        search(selector=Selecting(parents)).run()


@pytest.mark.parametrize("parents", [[numpy.int64(0)], numpy.arange(1), (0,), range(1)])
def test_a_selector_may_give_integers_of_numpy(parents):
    found = search(selector=Selecting(parents))
    found.run()
    expected = search(selector=Selecting([0]))
    expected.run()
    assert json.dumps(found.state_dict()) == json.dumps(expected.state_dict())


def test_the_parts_of_p2o_are_taken():
    assert search(gate=SecondChance()).run().pool[1:]
