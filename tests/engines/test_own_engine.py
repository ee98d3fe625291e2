"""An engine of one's own that breaks its contract is named before the run; what is right is taken."""

from dataclasses import replace

import numpy
import pytest

from p2o.engines import SamplingParams, TransformersEngine
from p2o.engines.agreement import agreement
from p2o.engines.base import completions_checked
from p2o.errors import InputError
from p2o.types import Completion, Prompt


class Changing(TransformersEngine):
    """Another engine's completions, changed."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def generate(self, policy, prompts, sampling, title):
        return self.change(super().generate(policy, prompts, sampling, title))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: None, r"a completion for each of 4 prompts, got None"),
        (lambda found: found[:-1], r"a completion for each of 4 prompts, got 3"),
        (lambda found: [one.ids for one in found], r"a p2o\.types\.Completion for prompt 0, got \("),
        (lambda found: [replace(one, ids=(), logps=()) for one in found], r"a token or more.*prompt 0, got none"),
        (
            lambda found: [replace(one, logps=one.logps[:-1]) for one in found],
            r"as many log-probabilities as tokens \(\d\) for prompt 0, got \d",
        ),
    ],
)
def test_an_engine_that_gives_other_completions_is_named_before_the_run(policy, change, message):
    with pytest.raises(InputError, match=rf"test_own_engine\.Changing\.generate: expected {message}"):
        agreement(policy, Changing(change), 200)


def test_lists_and_arrays_of_tokens_are_taken():
    expected = [Completion((3, 4), False, (-1.0, -2.0))]
    for kind in (list, numpy.array):
        came = (Completion(kind([3, 4]), False, kind([-1.0, -2.0])) for _ in range(1))
        found = completions_checked(Changing(None), 1, came)
        assert found == expected and type(found[0].ids[0]) is int and type(found[0].logps[0]) is float
    assert completions_checked(Changing(None), 1, expected)[0] is expected[0]


def test_the_engine_of_p2o_is_taken(policy):
    prompts = [Prompt((5, 6, 7), 0)]
    found = TransformersEngine().generate(policy, prompts, SamplingParams(1.0, 4), "")
    assert completions_checked(TransformersEngine(), 1, found) == found
