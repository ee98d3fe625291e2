import random
from collections import Counter
from itertools import islice

import pytest

from p2o.evolution.selectors import draw_by_weight
from p2o.evolution.trials import mini_batches


def test_a_heavier_weight_is_drawn_in_proportion():
    rng = random.Random(0)
    drawn = Counter(draw_by_weight([1.0, 2.0, 5.0], 1, rng)[0] for _ in range(8_000))
    assert [drawn[index] / 8_000 for index in range(3)] == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.02)


def test_two_draws_are_without_replacement():
    # P({0, 1}) = 1/8·2/7 + 2/8·1/6, P({0, 2}) = 1/8·5/7 + 5/8·1/3, P({1, 2}) = 2/8·5/6 + 5/8·2/3
    rng = random.Random(1)
    drawn = Counter(tuple(draw_by_weight([1.0, 2.0, 5.0], 2, rng)) for _ in range(8_000))
    shares = [drawn[pair] / 8_000 for pair in ((0, 1), (0, 2), (1, 2))]
    assert shares == pytest.approx([0.0774, 0.2976, 0.6250], abs=0.02)


def test_zero_weights_come_last_and_with_equal_chances():
    rng = random.Random(2)
    drawn = Counter(tuple(draw_by_weight([0.0, 3.0, 0.0], 2, rng)) for _ in range(2_000))
    assert set(drawn) == {(0, 1), (1, 2)}
    assert drawn[(0, 1)] / 2_000 == pytest.approx(0.5, abs=0.05)
    assert draw_by_weight([0.0, 0.0], 5, rng) == [0, 1]
    assert draw_by_weight([], 3, rng) == []


@pytest.mark.parametrize(("count", "size"), [(7, 3), (4, 3), (3, 3), (10, 4), (5, 1), (2, 3), (1, 3)])
def test_mini_batches_use_everything_equally_and_nothing_twice(count, size):
    batches = list(islice(mini_batches(count, size, seed=5), 60))
    assert all(len(set(batch)) == len(batch) == min(size, count) for batch in batches)
    for seen in range(1, 61):
        uses = Counter(index for batch in batches[:seen] for index in batch)
        assert max(uses.values()) - min(uses[index] for index in range(count)) <= 1
    first_round = [index for batch in batches for index in batch][:count]
    assert sorted(first_round) == list(range(count))


def test_mini_batches_are_shuffled_by_the_seed():
    first, again, other = (list(islice(mini_batches(50, 3, seed), 10)) for seed in (1, 1, 2))
    assert first == again != other
    assert first != [tuple(range(start, start + 3)) for start in range(0, 30, 3)]
