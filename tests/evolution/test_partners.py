"""Crossover: which templates are put together, and that the search asks for it."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hint_task import questions
from test_stages import Table, new_search

from p2o.errors import InputError
from p2o.evolution.history import Candidate, Status
from p2o.evolution.proposals.partners import find_partner
from p2o.evolution.selectors import ParentSelector
from p2o.evolution.settings import EvolutionSettings
from p2o.reflectors.base import Partner, Proposal

QUESTIONS = ["q0", "q1", "q2", "q3", "q4", "q5"]


def pool(**scores):
    return [Candidate(text, Status.ACCEPTED, 1, dev_scores=tuple(row)) for text, row in scores.items()]


def test_the_partner_solves_what_the_parent_does_not_and_lacks_what_it_does():
    templates = pool(parent=(1, 1, 0, 0), better=(1, 1, 1, 0), other=(0, 0, 0, 1), dominated=(0, 0, 0, 0.4))
    partner = find_partner(templates, 0, QUESTIONS, random.Random(0))
    assert partner == Partner("other", ("q3",), ("q0", "q1"))  # `better` needs nothing of the parent


def test_half_of_the_completions_do_not_solve_a_question():
    assert find_partner(pool(parent=(1, 0), other=(0, 0.5)), 0, QUESTIONS, random.Random(0)) is None
    assert find_partner(pool(parent=(0.5, 0), other=(0, 1)), 0, QUESTIONS, random.Random(0)) is None


def test_partners_are_drawn_by_what_they_add_and_three_questions_of_each_are_shown():
    templates = pool(parent=(1, 1, 1, 1, 0, 0, 0, 0), three=(0, 0, 0, 0, 1, 1, 1, 0), one=(0, 0, 0, 0, 0, 0, 0, 1))
    names = [f"q{index}" for index in range(8)]
    found = [find_partner(templates, 0, names, random.Random(seed)) for seed in range(2000)]
    counts = Counter(partner.template for partner in found)
    assert 0.70 < counts["three"] / 2000 < 0.80  # 3 of 4; five standard errors are .05
    assert {len(partner.other_solves) for partner in found} == {3}
    assert {question for partner in found for question in partner.other_solves} == set(names[:4])
    assert all(list(partner.other_solves) == sorted(partner.other_solves) for partner in found)


class Listening:
    """Answers with the texts of both parents, and keeps what it was asked."""

    def __init__(self):
        self.jobs = []

    def __call__(self, jobs):
        self.jobs += jobs
        return [Proposal(f"{job.template}+{job.partner.template}" if job.partner else job.template) for job in jobs]


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_search_crosses_seeds_that_complement_each_other(chance):
    """Seed `a` solves even dev questions, `b` odd ones, and only both together all of them."""
    dev = {question.id: number % 2 for number, question in enumerate(questions("dev", 8, 5))}
    policy = Table(lambda name, text: float((name in dev and "ab"[dev[name]] in text) or len(text) > 1))
    reflect = Listening()
    search = new_search(policy, reflect, 60, seeds=("a", "b"), crossover=chance)
    search.run()
    crossed = [job for job in reflect.jobs if job.partner is not None]
    assert len(crossed) == (len(reflect.jobs) if chance else 0) and reflect.jobs
    best = max(search.history.pool, key=lambda candidate: candidate.dev_score)
    assert (best.text in ("a+b", "b+a"), best.dev_score) == ((True, 1.0) if chance else (False, 0.5))


def test_a_parent_that_is_chosen_again_draws_a_partner_of_its_own():
    """`a` has five partners that add as much as one another, and four copies of it are tried."""
    dev = {question.id: number for number, question in enumerate(questions("dev", 6, 6))}
    policy = Table(lambda name, text: float(name in dev and "abcdef"[dev[name]] == text))
    reflect = Listening()
    search = new_search(policy, reflect, 100, seeds=tuple("abcdef"), crossover=1.0, width=4, min_parents=4)
    search.gepa = replace(search.gepa, selector=Always(0))
    search.step()
    search.step()
    assert [job.template for job in reflect.jobs] == ["a"] * 4
    assert len({job.partner.template for job in reflect.jobs}) > 1


class Always(ParentSelector):
    """Chooses one parent, by its place in the pool."""

    def __init__(self, parent):
        self.parent = parent

    def select(self, scores, limit, rng):
        return [self.parent]


def test_a_chance_beyond_one_is_refused():
    with pytest.raises(InputError, match=r"evolution.crossover: expected a chance from 0 to 1, got 1.5"):
        EvolutionSettings(10, crossover=1.5)
