import random
from itertools import product

import pytest

from p2o.errors import InputError
from p2o.worlds.chains import FACTOR, Chain, ChainQuestions, draw_chain


def test_a_chain_worked_by_hand():
    chain = Chain(7, (("Add", 5), ("Multiply by", 7), ("Subtract", 9), ("Multiply by", 7)))
    assert chain.states == (12, 84, 75, 25)  # 7 + 5, 84, 75, 525
    assert chain.answer == "25"
    assert chain.text == (
        "Work modulo 100. Start with 7.\n(a) Add 5.\n(b) Multiply by 7.\n(c) Subtract 9.\n(d) Multiply by 7.\n"
        "What is the result?"
    )


def test_answers_are_not_padded():
    assert Chain(3, (("Add", 4),)).answer == "7"


def test_train_and_validation_share_no_question_under_any_seeds():
    sides = {
        split: {q.text for seed in range(4) for q in ChainQuestions(split, easy=100, hard=200, seed=seed).load()}
        for split in ("train", "validation")
    }
    assert not sides["train"] & sides["validation"]


def test_no_question_and_no_id_comes_twice():
    questions = ChainQuestions("validation", easy=100, hard=1000).load()
    assert len({q.text for q in questions}) == len({q.id for q in questions}) == 1100


def test_the_same_arguments_make_the_same_questions():
    first, second, other = (ChainQuestions("train", easy=20, hard=20, seed=seed).load() for seed in (0, 0, 1))
    assert first == second
    assert first != other


def test_more_questions_begin_with_the_fewer_ones():
    few, many = (ChainQuestions("train", easy=count, hard=0).load() for count in (5, 9))
    assert many[:5] == few


def test_difficulty_is_the_number_of_operations():
    lengths = {"easy": set(), "hard": set()}
    for question in ChainQuestions("train", easy=50, hard=50).load():
        lengths[question.difficulty].add(question.text.count("("))
    assert lengths == {"easy": {1}, "hard": {6, 7, 8}}


def test_every_question_says_where_it_comes_from():
    question = ChainQuestions("train", easy=1, hard=0, seed=3).load()[0]
    assert question.id == "train-easy-3-0"
    assert question.origin == "p2o.worlds.chains (seed 3, train-easy 0)"


def test_long_chains_cannot_be_estimated():
    rng = random.Random(0)
    chains = [draw_chain(rng, length) for length in (6, 7, 8) for _ in range(3000)]
    assert all(FACTOR in [name for name, _ in chain.steps[-3:]] for chain in chains)
    near = [
        min((chain.states[-1] - chain.start) % 100, (chain.start - chain.states[-1]) % 100) <= 10 for chain in chains
    ]
    assert abs(sum(near) / len(near) - 0.21) < 0.02  # 21 of 100 residues are that near


@pytest.mark.parametrize(("easy", "hard"), [*product((-1, 0), (-1, 0)), (2000, 1)])
def test_impossible_counts_are_refused(easy, hard):
    with pytest.raises(InputError, match="ChainQuestions"):
        ChainQuestions("train", easy=easy, hard=hard)
