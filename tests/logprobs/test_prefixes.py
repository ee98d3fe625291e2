"""Every distinct prefix of some prompts stands there once."""

import random

import pytest

from p2o.logprobs.packing import pack
from p2o.logprobs.prefixes import share_prefixes

CASES = {
    "nothing shared": [(1, 2, 3), (2, 3), (3,)],
    "one alone": [(4, 4, 4)],
    "the same again": [(1, 2), (1, 2)],
    "prefixes of one another": [(1, 2, 3), (1,), (1, 2)],
    "a head, and a template in some": [(9, 5, 6, 1), (9, 7, 2), (9, 5, 6, 2, 3), (9, 1), (9, 5, 6)],
    "equal ends": [(1, 8, 8), (2, 8, 8)],
    "not shared by neighbours as they come": [(1, 2, 5), (3,), (1, 2, 4), (3, 1), (1, 2)],
}


def random_prompts(seed: int) -> list[tuple[int, ...]]:
    rng = random.Random(seed)
    return [tuple(rng.choices(range(3), k=rng.randint(1, 8))) for _ in range(60)]


@pytest.mark.parametrize("prompts", [*CASES.values(), random_prompts(0), random_prompts(1)])
def test_each_distinct_prefix_is_one_token(prompts):
    ids, positions, places = share_prefixes(prompts)
    assert len(ids) == len(positions) == len({prompt[:end] for prompt in prompts for end in range(1, len(prompt) + 1)})
    for prompt in prompts:
        assert tuple(ids[place] for place in places[prompt]) == prompt
        assert [positions[place] for place in places[prompt]] == list(range(len(prompt)))


def test_no_prompts():
    assert share_prefixes([]) == ([], [], {})


@pytest.mark.parametrize("prompts", [*CASES.values(), random_prompts(2)])
def test_packed_rows_are_prompts_and_completions(prompts):
    """And every token's place in them is one of its own: the first, all others are `again`."""
    completions = [tuple(range(50, 51 + number % 3)) for number in range(len(prompts))]
    packed = pack(prompts, completions)
    flat, expected = packed.rows.flatten(), []
    for number, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        row = prompt + completion[:-1]
        assert tuple(packed.ids[packed.rows[number, : len(row)]].tolist()) == row
        expected += [number * packed.rows.shape[1] + column for column in range(len(row))]
    assert flat[packed.places].tolist() == list(range(len(packed.ids)))
    assert flat[packed.again].tolist() == packed.again_of.tolist()
    assert sorted([*packed.places.tolist(), *packed.again.tolist()]) == expected
    assert all(packed.places[packed.again_of] < packed.again)
