"""How rows are cut into micro-batches."""

from dataclasses import replace
from itertools import chain

from factories import rollout
from p2o.objective.micro_batches import by_tokens, micro_batches
from p2o.objective.rows import TrainingSample
from p2o.rollouts.groups import prompt_numbers


def test_the_longest_row_comes_first_and_its_question_s_rows_follow():
    x, other = (1, 2), (3,)
    pairs = [(x, (0,) * 3), (other, (0,) * 4), (x, (0,) * 7), (other, (0,) * 2)]
    assert by_tokens(pairs, 1000) == [[2, 0, 1, 3]]


def test_a_shared_prompt_counts_once_in_each_part():
    x = (1,) * 10
    pairs = [(x, (0,) * 5)] * 4
    assert by_tokens(pairs, 30) == [[0, 1, 2, 3]]
    assert by_tokens(pairs, 29) == [[0, 1, 2], [3]]
    assert by_tokens(pairs, 20) == [[0, 1], [2, 3]]


def test_a_row_longer_than_a_part_is_passed_alone():
    pairs = [((1,), (0,) * 50), ((2,), (0,) * 3), ((3,), (0,) * 3)]
    assert by_tokens(pairs, 8) == [[0], [1, 2]]


def test_parts_hold_every_index_once_and_no_more_than_they_may():
    pairs = [((number % 5,) * 4, (0,) * (1 + number * 7 % 11)) for number in range(40)]
    parts = by_tokens(pairs, 30)
    assert sorted(chain(*parts)) == list(range(40))
    for part in parts:
        assert 4 * len({pairs[index][0] for index in part}) + sum(len(pairs[index][1]) for index in part) <= 30
    assert by_tokens([], 30) == []


def test_the_gradient_s_prompt_decides_what_is_shared():
    bare = (1,) * 6
    rows = [TrainingSample(bare, (number, *bare), (2, 2), 1.0) for number in range(3)]
    assert micro_batches(rows, [True] * 3, 12, bare=True, at_least_one=False) == [[0, 1, 2]]
    assert micro_batches(rows, [True] * 3, 12, bare=False, at_least_one=False) == [[0], [1], [2]]


def test_rollouts_under_the_same_prompt_have_the_same_number():
    group = [replace(rollout(True, template=z), prompt_ids=(len(z),)) for z in ("", "a", "bb", "a", "")]
    assert prompt_numbers([group]).tolist() == [[0, 1, 2, 1, 0]]
