import random
from collections import Counter

import pytest

from p2o.evolution.selectors import (
    BestOrTiedSelector,
    BestSelector,
    DominanceSelector,
    SeedSelector,
    dominates,
    front,
)

SELECTORS = [DominanceSelector(), BestOrTiedSelector(), BestSelector()]

# Worked by hand. Row 1 is dominated by row 2; row 4 equals row 2; row 0 by everyone.
SCORES = [
    (0, 0, 0, 0),
    (1, 0, 0, 0),
    (1, 1, 0, 0),
    (0, 0, 1, 0),
    (1, 1, 0, 0),
]


def choose(selector, scores, limit, seed=0):
    return selector.select(scores, limit, random.Random(seed))


def test_dominance_keeps_the_front_and_equal_rows():
    assert choose(DominanceSelector(), SCORES, 16) == [2, 3, 4]


def test_dominance_draws_by_mean_score():
    # Means 1/2, 1/4, 1/2: row 3 is the one of the three in one case of five.
    drawn = Counter(choose(DominanceSelector(), SCORES, 1, seed)[0] for seed in range(4_000))
    assert drawn[3] / 4_000 == pytest.approx(0.2, abs=0.03)
    assert drawn[0] == drawn[1] == 0


def test_best_or_tied_lets_everyone_in_for_one_unsolved_question():
    assert choose(BestOrTiedSelector(), SCORES, 16) == [0, 1, 2, 3, 4]
    solved = [row[:3] for row in SCORES]
    assert choose(BestOrTiedSelector(), solved, 16) == [1, 2, 3, 4]


def test_best_or_tied_draws_by_the_number_of_questions():
    # Unsolved question 3 gives 1 to each; solved ones add 0, 1, 2, 1, 2: weights 1, 2, 3, 2, 3 of 11.
    drawn = Counter(choose(BestOrTiedSelector(), SCORES, 1, seed)[0] for seed in range(6_000))
    assert [drawn[index] / 6_000 for index in range(5)] == pytest.approx([x / 11 for x in (1, 2, 3, 2, 3)], abs=0.03)


def test_seed_takes_the_first_row_as_often_as_there_is_room():
    assert choose(SeedSelector(), SCORES, 3) == [0, 0, 0]


def test_best_takes_the_first_of_equals():
    assert choose(BestSelector(), SCORES, 16) == [2]


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("case", range(60))
def test_any_matrix_gives_different_rows_within_the_limit(selector, case):
    rng = random.Random(case)
    pool, dev, limit = rng.randint(1, 9), rng.randint(1, 6), rng.randint(1, 5)
    scores = [tuple(rng.choice((0, 0, 0.5, 1)) for _ in range(dev)) for _ in range(pool)]
    rows = selector.select(scores, limit, random.Random(case))
    assert 1 <= len(rows) <= limit
    assert rows == sorted(set(rows))
    assert set(rows) <= set(range(pool))
    assert rows == selector.select(scores, limit, random.Random(case))


@pytest.mark.parametrize("selector", SELECTORS)
def test_nothing_solved_is_no_error(selector):
    assert len(choose(selector, [(0, 0)] * 5, 3)) in (1, 3)


@pytest.mark.parametrize("case", range(60))
def test_the_front_is_never_dominated_and_dominates_the_rest(case):
    rng = random.Random(case)
    scores = [tuple(rng.choice((0, 1)) for _ in range(rng.choice((3,)))) for _ in range(8)]
    members = front(scores)
    for index, row in enumerate(scores):
        assert any(dominates(scores[member], row) for member in members) == (index not in members)
        assert (index in members) == (not any(dominates(other, row) for other in scores))


def test_dominates():
    assert dominates((1, 0.5), (1, 0))
    assert not dominates((1, 0), (1, 0))
    assert not dominates((1, 0), (0, 1))
