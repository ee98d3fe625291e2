"""How rows are cut into micro-batches."""

from dataclasses import replace
from itertools import chain

import pytest

from factories import rollout
from p2o.logprobs import ScoringPath
from p2o.objective.micro_batches import by_tokens, micro_batches
from p2o.objective.rows import TrainingSample
from p2o.rollouts.groups import prompt_numbers

PACKED, PADDED, UNPADDED = ScoringPath


def test_the_longest_row_comes_first_and_its_question_s_rows_follow():
    x, other = (1, 2), (3,)
    pairs = [(x, (0,) * 3), (other, (0,) * 4), (x, (0,) * 7), (other, (0,) * 2)]
    assert by_tokens(pairs, 1000, PACKED) == [[2, 0, 1, 3]]


def test_a_shared_prompt_counts_once_in_each_part():
    x = (1,) * 10
    pairs = [(x, (0,) * 5)] * 4
    assert by_tokens(pairs, 30, PACKED) == [[0, 1, 2, 3]]
    assert by_tokens(pairs, 29, PACKED) == [[0, 1, 2], [3]]
    assert by_tokens(pairs, 20, PACKED) == [[0, 1], [2, 3]]


def test_a_row_longer_than_a_part_is_passed_alone():
    pairs = [((1,), (0,) * 50), ((2,), (0,) * 3), ((3,), (0,) * 3)]
    assert by_tokens(pairs, 8, PACKED) == [[0], [1, 2]]


def test_parts_hold_every_index_once_and_no_more_than_they_may():
    pairs = [((number % 5,) * 4, (0,) * (1 + number * 7 % 11)) for number in range(40)]
    parts = by_tokens(pairs, 30, PACKED)
    assert sorted(chain(*parts)) == list(range(40))
    for part in parts:
        assert 4 * len({pairs[index][0] for index in part}) + sum(len(pairs[index][1]) for index in part) <= 30
    assert by_tokens([], 30, PACKED) == []


def test_padding_counts_where_rows_are_padded():
    """Each row is as long as the longest prompt and the longest completion together."""
    pairs = [((1,) * 10, (0,) * 2), ((2,), (0,) * 6), ((3,), (0,) * 3)]
    assert by_tokens(pairs, 48, PADDED) == [[0, 1, 2]]
    assert by_tokens(pairs, 47, PADDED) == [[0, 1], [2]]
    assert by_tokens(pairs, 31, PADDED) == [[0], [1, 2]]
    assert by_tokens(pairs, 11, PADDED) == [[0], [1], [2]]


def test_a_prompt_counts_in_each_row_that_is_passed_alone():
    pairs = [((1,) * 10, (0,) * 5)] * 4
    assert by_tokens(pairs, 45, UNPADDED) == [[0, 1, 2], [3]]


def test_packed_rows_that_attention_would_pad_too_far_are_passed_in_more_parts():
    """One long completion among short ones: attention has each row as long as the longest."""
    pairs = [((number,), (0,) * (99 if number == 0 else 1)) for number in range(50)]
    parts = by_tokens(pairs, 200, PACKED)
    assert sorted(chain(*parts)) == list(range(50))
    assert parts == [list(range(8)), list(range(8, 50))]  # 8 rows of 100 are 4 times 200


@pytest.mark.parametrize("path", ScoringPath)
def test_a_part_needs_no_more_than_it_may_on_its_path(path):
    pairs = [((number % 5,) * (1 + number % 5 * 9), (0,) * (1 + number * 7 % 23)) for number in range(60)]
    parts = by_tokens(pairs, 90, path)
    assert sorted(chain(*parts)) == list(range(60))
    for part in parts:
        prompts, completions = [len(pairs[index][0]) for index in part], [len(pairs[index][1]) for index in part]
        longest = max(map(sum, zip(prompts, completions, strict=True)))
        needed = {
            PACKED: max(sum(map(len, {pairs[index][0] for index in part})) + sum(completions), len(part) * longest / 4),
            PADDED: len(part) * (max(prompts) + max(completions)),
            UNPADDED: sum(prompts) + sum(completions),
        }
        assert needed[path] <= 90


def test_the_gradient_s_prompt_decides_what_is_shared():
    bare = (1,) * 6
    rows = [TrainingSample(bare, (number, *bare), (2, 2), 1.0) for number in range(3)]
    assert micro_batches(rows, [True] * 3, 12, PACKED, bare=True, at_least_one=False) == [[0, 1, 2]]
    assert micro_batches(rows, [True] * 3, 12, PACKED, bare=False, at_least_one=False) == [[0], [1], [2]]


def test_rollouts_under_the_same_prompt_have_the_same_number():
    group = [replace(rollout(True, template=z), prompt_ids=(len(z),)) for z in ("", "a", "bb", "a", "")]
    assert prompt_numbers([group]).tolist() == [[0, 1, 2, 1, 0]]
