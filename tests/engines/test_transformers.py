"""What TransformersEngine adds to the contract: the batch size changes nothing."""

import pytest

from p2o.engines import SamplingParams, TransformersEngine
from p2o.errors import InputError
from p2o.types import Prompt

PROMPTS = [Prompt(tuple(range(length)), seed) for seed, length in enumerate([3, 40, 1, 17, 5, 5, 90])]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_batch_size_does_not_change_completions(policy, temperature):
    together, in_twos = (
        TransformersEngine(size).generate(policy, PROMPTS, SamplingParams(temperature, 12), "test") for size in (256, 2)
    )
    assert [c.ids for c in together] == [c.ids for c in in_twos]


def test_an_empty_batch_is_refused():
    with pytest.raises(InputError, match="batch_size"):
        TransformersEngine(batch_size=0)
