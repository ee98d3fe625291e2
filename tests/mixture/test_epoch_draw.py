import random
from collections import Counter

import pytest

from factories import question, rollout
from p2o.errors import InputError
from p2o.mixture.epoch_draw import EasyMixing, PassAfterPass, slice_of_passes
from p2o.mixture.hard_set import HardSet
from p2o.mixture.selection import GradedQuestions, SolvedQuestions

QUESTIONS = [question(n, "easy" if n < 4 else "hard") for n in range(12)]
EASY = {f"q{n}" for n in range(4)}


def draw(part, epoch, count=5, seed=0, seen=None):
    return part(QUESTIONS, count, epoch, seed, seen or HardSet(2, 3))


@pytest.mark.parametrize(("total", "count"), [(12, 5), (12, 4), (5, 4), (7, 1), (3, 3)])
def test_passes_are_without_replacement(total, count):
    """After n epochs no question was asked twice more than another, and none twice in an epoch."""
    asked = Counter(dict.fromkeys(range(total), 0))
    for epoch in range(3 * total):
        found = slice_of_passes(total, count, 7, epoch)
        assert len(set(found)) == len(found) == count
        asked.update(found)
        assert max(asked.values()) - min(asked.values()) <= 1


def test_passes_are_shuffled_anew():
    first, second = ([slice_of_passes(100, 50, 7, epoch) for epoch in pair] for pair in ((0, 1), (2, 3)))
    assert {*first[0], *first[1]} == {*second[0], *second[1]} == set(range(100))
    assert set(first[0]) not in (set(second[0]), set(second[1]))
    assert slice_of_passes(100, 50, 8, 0) != first[0]


def test_an_epoch_of_all_questions_is_all_of_them():
    assert draw(PassAfterPass(), 3, count=12) == {question.id for question in QUESTIONS}


def drawn_in_turn(part, epochs, right=lambda question: 0):
    """The ids of each epoch, of which each question had so many correct rollouts."""
    seen, found = HardSet(2, 3), []
    for epoch in range(epochs):
        found.append(draw(part, epoch, seen=seen))
        seen.observe(rollout(k < right(q), number=int(q[1:])) for q in sorted(found[-1]) for k in range(3))
        seen.close()
    return found


def test_a_share_of_each_epoch_is_easy():
    epochs = drawn_in_turn(EasyMixing(GradedQuestions(["easy"]), 0.4), 4)
    assert [len(ids & EASY) for ids in epochs] == [2, 2, 2, 2]
    assert epochs[0] & EASY | epochs[1] & EASY == EASY  # pass after pass
    assert len((epochs[0] | epochs[1]) - EASY) == 6  # 3 of 8 others, then 3 more


def test_easy_is_what_was_solved_so_often():
    part, seen = EasyMixing(SolvedQuestions(2), 0.4), HardSet(1, 3)
    assert len(draw(part, 0, seen=seen)) == 5  # nothing is known
    for number, correct in ((0, 1), (7, 2), (8, 3)):
        seen.observe(rollout(k < correct, number=number) for k in range(3))
    seen.close()
    assert {"q7", "q8"} <= draw(part, 1, seen=seen)


@pytest.mark.parametrize("seed", range(5))
def test_all_take_turns_though_what_is_easy_changes(seed):
    """Twelve questions, five an epoch: after twelve epochs each was asked five times on average."""
    chances = random.Random(seed)
    part = EasyMixing(SolvedQuestions(2), 0.4)
    epochs = drawn_in_turn(part, 12, lambda question: chances.choice((0, 0, 3)))
    asked = Counter(question for epoch in epochs for question in epoch)
    assert len(asked) == 12 and min(asked.values()) >= 3


def test_where_one_kind_is_short_the_other_fills_up_and_it_is_said():
    part = EasyMixing(GradedQuestions(["easy"]), 0.9)
    with pytest.warns(UserWarning, match="epoch 1 has 4 easy questions of 6, not 5"):
        assert draw(part, 1, count=6) >= EASY
    part = EasyMixing(GradedQuestions(["hard"]), 0.1)
    with pytest.warns(UserWarning, match="epoch 2 has 6 easy questions of 10, not 1"):
        assert len(draw(part, 2, count=10)) == 10


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_is_between_none_and_all(share):
    with pytest.raises(InputError, match="share above 0 and below 1"):
        EasyMixing(GradedQuestions(["easy"]), share)
