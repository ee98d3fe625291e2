"""What the bundled skills policy has learnt."""

import random

import pytest
import torch

from p2o.worlds.bundled import SKILLS_POLICY
from p2o.worlds.skills import Process
from scripts.skills_policy.habits import SETTLED
from scripts.skills_policy.instructions import FITTING, Kind, draw_template
from scripts.skills_policy.measure import Measurer, fitting, right, validation, way

COUNT = 48


@pytest.fixture(scope="module")
def measurer():
    torch.set_num_threads(1)
    return Measurer(SKILLS_POLICY)


def accuracy(questions, texts):
    return sum(right(question, text) for question, text in zip(questions, texts, strict=True)) / len(questions)


def under(measurer, family, draw, temperature=1.0):
    rng, questions = random.Random(0), validation(COUNT, family, seed=7)
    texts = measurer.answer([(question, draw(rng, family)) for question in questions], temperature)
    return questions, texts


def test_the_bundle_is_small():
    assert sum(file.stat().st_size for file in SKILLS_POLICY.iterdir()) <= 10_000_000


@pytest.mark.parametrize("family", FITTING)
def test_a_fitting_sentence_makes_a_family_solvable(measurer, family):
    """Measured: .33 of sort and .62 to .79 of the others."""
    assert accuracy(*under(measurer, family, fitting())) > 0.2
    assert accuracy(*under(measurer, family, fitting(unseen=True))) > 0.2


@pytest.mark.parametrize("family", FITTING)
def test_a_sentence_for_others_does_not(measurer, family):
    assert accuracy(*under(measurer, family, fitting(others=1, with_own=False))) < 0.25


@pytest.mark.parametrize("family", FITTING)
def test_long_questions_are_harder(measurer, family):
    questions, texts = under(measurer, family, fitting())
    hits = [[right(q, text) for q, text in zip(questions, texts, strict=True) if f"-{n}-" in q.id] for n in (4, 9)]
    assert sum(hits[0]) > sum(hits[1])


def test_a_wrong_answer_is_a_slip_or_a_wrong_way(measurer):
    questions, texts = under(measurer, "sort", fitting())
    wrong = [way(q, text) for q, text in zip(questions, texts, strict=True) if not right(q, text)]
    assert wrong.count(Process.SLIP) > len(wrong) / 2
    questions, texts = under(measurer, "sort", lambda rng, family: draw_template(rng, [Kind.LETTERS]))
    assert [way(q, text) for q, text in zip(questions, texts, strict=True)].count(Process.FOREIGN) > COUNT / 2


@pytest.mark.parametrize("family", FITTING)
def test_branchings_are_as_rare_as_they_were_meant(measurer, family):
    chances = measurer.branches(family, validation(12, family, seed=7))
    for part, meant in zip(zip(*chances, strict=True), SETTLED[family], strict=True):
        assert meant / 2.5 < sum(part) / len(part) < meant * 2.5
