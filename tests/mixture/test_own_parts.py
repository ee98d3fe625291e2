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
