"""A source, rule of assignment or draw of one's own that breaks its contract is named, and what is right is taken."""

from dataclasses import replace

import numpy
import pytest

from factories import question, rollout
from p2o.errors import InputError
from p2o.mixture.assignment import AssignmentRule
from p2o.mixture.data_module import MixtureDataModule
from p2o.mixture.epoch_draw import EpochDraw
from p2o.prompts.templates import Template, TemplateBank
from p2o.questions import HeldOut, MixedQuestions
from p2o.questions.base import QuestionSource

QUESTIONS = [replace(question(number), origin=f"rows:{number}") for number in range(20)]


class Giving(QuestionSource):
    def __init__(self, given):
        self.given = given

    def load(self):
        return self.given


def data(train=Giving(QUESTIONS), validation=HeldOut(5), **settings):  # noqa: B008 (no state)
    made = MixtureDataModule(train=train, validation=validation, **settings)
    made.setup("fit")
    return made


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "a list of questions, got None"),
        ([{"id": "a"}], r"a p2o\.types\.Question, got \{'id': 'a'\}"),
        (
            [replace(QUESTIONS[3], difficulty=3)],
            r"a str as difficulty of a Question, got 3 of type int in .*rows:3",
        ),
        ([replace(QUESTIONS[3], answer=3)], r"a str as answer of a Question, got 3 of type int"),
        ([replace(QUESTIONS[3], text=None)], r"a str as text of a Question, got None of type NoneType"),
        ([replace(QUESTIONS[3], id=3)], r"a str as id of a Question, got 3 of type int"),
        ([replace(QUESTIONS[3], origin=7)], r"a str as origin of a Question, got 7 of type int"),
    ],
)
def test_a_source_that_gives_no_questions_is_named_before_the_run(given, message):
    right = Giving(QUESTIONS)
    for train, validation in [(Giving(given), HeldOut(1)), (Giving(given), right), (right, Giving(given))]:
        with pytest.raises(InputError, match=rf"test_own_parts\.Giving\.load: expected {message}"):
            data(train, validation)
    with pytest.raises(InputError, match=rf"test_own_parts\.Giving\.load: expected {message}"):
        data(MixedQuestions([right, Giving(given)]))


def test_a_source_may_be_a_generator():
    def generator():
        yield from QUESTIONS

    assert data(Giving(generator())).train_questions == data().train_questions


class Weighing(AssignmentRule):
    def __init__(self, weights):
        self.weights = weights

    def __call__(self, templates, use):
        return self.weights() if callable(self.weights) else self.weights


def item(weights):
    made = data(assignment=Weighing(weights))
    made.hard_set.observe(rollout(False, number=int(question.id[1:])) for question in made.train_questions)
    made.hard_set.close()
    made.adopt(TemplateBank((Template("A", 0.5), Template("B", 0.25)), {}))
    return made.mixture(1)[0]


@pytest.mark.parametrize(
    ("weights", "got"),
    [
        ([float("nan"), 1.0], r"\[nan, 1\.0\]"),
        ([float("inf"), 1.0], r"\[inf, 1\.0\]"),
        ([-1.0, 1.0], r"\[-1\.0, 1\.0\]"),
        ([1.0], r"\[1\.0\]"),
        ([1.0] * 3, r"\[1\.0, 1\.0, 1\.0\]"),
        (["a", "b"], r"\['a', 'b'\]"),
        (None, "None"),
    ],
)
def test_a_rule_of_assignment_that_gives_no_weights_is_named(weights, got):
    message = rf"test_own_parts\.Weighing: expected a finite weight of at least 0 for each of 2 templates, got {got}"
    with pytest.raises(InputError, match=message):
        item(weights)


@pytest.mark.parametrize("weights", [(1, 3), numpy.array([1, 3]), lambda: iter([1.0, 3.0])])
def test_weights_may_be_any_numbers(weights):
    found = item(weights)
    assert set(found.templates) <= {"A", "B"}
    assert found == item([1.0, 3.0])


class Drawing(EpochDraw):
    chooses = False

    def __init__(self, change):
        self.change = change

    def __call__(self, questions, count, epoch, seed, seen):
        return self.change([question.id for question in questions][:count], questions)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda ids, questions: set(ids[1:]), "3 of them"),
        (lambda ids, questions: {question.id for question in questions}, "16 of them"),
        (lambda ids, questions: [ids[0]] * 4, "1 of them"),
        (lambda ids, questions: questions[:4], r"0 of them, and others, such as Question\("),
        (lambda ids, questions: {*ids[1:], "x"}, "3 of them, and others, such as 'x'"),
        (lambda ids, questions: None, "None"),
    ],
)
def test_a_draw_that_gives_other_questions_is_named(change, got):
    message = rf"test_own_parts\.Drawing: expected the ids of 4 different training questions, got {got}"
    with pytest.raises(InputError, match=message):
        data(draw=Drawing(change), questions_per_epoch=4).mixture(0)


def test_a_draw_may_be_a_list():
    found = data(draw=Drawing(lambda ids, questions: ids), questions_per_epoch=4).mixture(0)
    assert len(found) == 4
