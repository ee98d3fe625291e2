import pytest

from p2o.errors import InputError
from p2o.rewards import GradingInput, MarkedAnswer
from p2o.types import Outcome, Question


def graded(text, gold, truncated=False):
    [grade] = MarkedAnswer().grade([GradingInput(Question("q", "?", gold), text, truncated)])
    return grade.outcome


@pytest.mark.parametrize(
    ("text", "gold", "outcome"),
    [
        ("17 + 25 = 42\n#### 42", "42", Outcome.CORRECT),
        ("#### 41, no: #### 42.", "42", Outcome.CORRECT),  # the last one counts
        ("####42\nThat is all.", "42", Outcome.CORRECT),
        ("#### 1,234", "1234", Outcome.CORRECT),
        ("#### 3,12 , 45", "3, 12, 45", Outcome.CORRECT),
        ("#### 1, 23", "12, 3", Outcome.WRONG),
        ("#### 1 23", "123", Outcome.WRONG),
        ("#### 42 apples", "42", Outcome.WRONG),
        ("#### 4 2", "42", Outcome.WRONG),
        ("the answer is 42", "42", Outcome.NO_ANSWER),
        ("####", "42", Outcome.NO_ANSWER),
        ("#### ", "42", Outcome.NO_ANSWER),
        ("#### Nnab", "nnab", Outcome.CORRECT),
    ],
)
def test_what_stands_after_the_last_mark(text, gold, outcome):
    assert graded(text, gold) is outcome


def test_a_completion_that_was_cut_off_before_its_answer_is_truncated():
    assert graded("17 + 25", "42", truncated=True) is Outcome.TRUNCATED


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ("He has 3 * 24 = 72 of them.\n#### 72", "holds the mark"),
        ("7\n2", "several lines"),
        (" . ", "empty"),
        ("", "empty"),
        ("72\n", ""),
        ("3, 12", ""),
    ],
)
def test_gold_answers_that_nothing_can_match_are_refused(gold, reason):
    assert reason in MarkedAnswer().reject(gold) and bool(reason) is bool(MarkedAnswer().reject(gold))


def test_an_empty_mark_is_refused():
    with pytest.raises(InputError, match="needs a mark"):
        MarkedAnswer(" ")
