"""A reward of one's own that breaks its contract is named, wherever it is asked."""

import json
import math
from fractions import Fraction

import numpy
import pytest
import torch

from p2o.commands.grading import grade_file
from p2o.errors import InputError
from p2o.rewards import GradingInput, MathAnswer, Reward, SoftOverlong, grade_checked
from p2o.types import Grade, Outcome, Question


class First(Reward):
    """Grades the first completion alone."""

    def grade(self, answered):
        return MathAnswer().grade(answered)[:1]


ANSWERED = [GradingInput(Question("q", "?", "5"), r"\boxed{5}", False, 3)] * 3
MESSAGE = r"test_base\.First\.grade: expected one grade for each of 3 completions, in order, got 1"


def test_a_grade_for_each():
    assert len(grade_checked(MathAnswer(), ANSWERED)) == 3


@pytest.mark.parametrize("reward", [First(), SoftOverlong(First(), 100, 20)])
def test_too_few_name_the_reward(reward):
    with pytest.raises(InputError, match=MESSAGE):
        grade_checked(reward, ANSWERED)


class Saying(Reward):
    """Gives one grade to every completion."""

    def __init__(self, said):
        self.said = said

    def grade(self, answered):
        return [self.said for _ in answered]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Grade(math.nan, Outcome.WRONG), "expected a finite reward, got nan"),
        (Grade(-math.inf, Outcome.WRONG), "expected a finite reward, got -inf"),
        (Grade(1e39, Outcome.WRONG), r"expected a finite reward, got 1e\+39.*float32"),
        (Grade(10**400, Outcome.WRONG), "expected a finite reward, got 1000.*float32"),
        (Grade(numpy.float32("inf"), Outcome.WRONG), "expected a finite reward, got inf"),
        (Grade("1", Outcome.CORRECT), "expected a number as reward, got '1' of type str"),
        (Grade(None, Outcome.CORRECT), "expected a number as reward, got None"),
        (Grade(torch.tensor(1.0), Outcome.CORRECT), r"expected a number as reward.*item\(\)"),
        (Grade(1 + 0j, Outcome.CORRECT), "expected a number as reward"),
        (1.0, "expected a p2o.types.Grade, got 1.0"),
        (None, "expected a p2o.types.Grade, got None"),
        (Grade(1.0, "correct"), "expected an Outcome and a text"),
        (Grade(1.0, Outcome.CORRECT, 5), "expected an Outcome and a text"),
    ],
)
@pytest.mark.parametrize("shaped", [False, True])
def test_what_is_no_grade_is_named_with_its_reward_and_question(said, message, shaped):
    reward = SoftOverlong(Saying(said), 100, 20) if shaped else Saying(said)
    with pytest.raises(InputError, match=rf"test_base\.Saying\.grade, question 'q' \(rows:7\): {message}"):
        grade_checked(reward, [GradingInput(Question("q", "?", "5", origin="rows:7"), "5", False, 3)])


@pytest.mark.parametrize("number", [1, True, numpy.int64(1), numpy.float32(1), Fraction(1)])
def test_integers_and_numbers_of_numpy_are_rewards(number):
    [grade] = grade_checked(Saying(Grade(number, Outcome.CORRECT)), ANSWERED[:1])
    assert grade.reward == 1.0 and type(grade.reward) is float


class Returning(Reward):
    """Gives something else than a list."""

    def __init__(self, change):
        self.change = change

    def grade(self, answered):
        return self.change(MathAnswer().grade(answered))


async def awaited(grades):
    return grades


@pytest.mark.parametrize(
    ("change", "got"),
    [(lambda grades: None, "None"), (lambda grades: 1.0, r"1\.0"), (awaited, "a coroutine, which nobody awaits")],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_list_of_grades_is_named(change, got):
    message = rf"test_base\.Returning\.grade: expected one grade for each of 3 completions, in order, got {got}"
    with pytest.raises(InputError, match=message):
        grade_checked(Returning(change), ANSWERED)


def test_grades_may_come_from_a_generator():
    assert len(grade_checked(Returning(iter), ANSWERED)) == 3


def test_of_a_file(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text((json.dumps({"answer": "5", "completion": "5"}) + "\n") * 3)
    with pytest.raises(InputError, match=MESSAGE):
        grade_file(rows, tmp_path / "out.jsonl", First())
    assert not (tmp_path / "out.jsonl").exists()
