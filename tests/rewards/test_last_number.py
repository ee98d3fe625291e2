import pytest

from p2o.rewards import GradingInput, LastNumber
from p2o.types import Outcome, Question


def graded(text, gold, truncated=False):
    [grade] = LastNumber().grade([GradingInput(Question("q", "?", gold), text, truncated)])
    return grade


@pytest.mark.parametrize(
    ("text", "gold", "outcome"),
    [
        ("Clara has 17 + 29 = 46 eggs.", "46", Outcome.CORRECT),
        ("17 + 29 = 46. So 17 are hers.", "46", Outcome.WRONG),  # the last one counts
        ("It is 1,234.", "1234", Outcome.CORRECT),
        ("It is 1234.50", "1,234.5", Outcome.CORRECT),
        ("First 1, 23", "23", Outcome.CORRECT),
        ("One of 12,3456", "3456", Outcome.CORRECT),
        ("The answer is -4", "-4", Outcome.CORRECT),
        ("The answer is −4.", "-4", Outcome.CORRECT),
        ("x=-4", "-4", Outcome.CORRECT),
        ("(-4)", "-4", Outcome.CORRECT),
        ("9-4", "4", Outcome.CORRECT),  # subtracts
        ("9 - 4", "4", Outcome.CORRECT),
        ("(9) -4", "4", Outcome.CORRECT),
        ("- 4", "4", Outcome.CORRECT),
        ("4 apples", "40", Outcome.WRONG),
        ("42.", "42", Outcome.CORRECT),
        ("The answer is .5", "0.5", Outcome.CORRECT),
        ("The answer is .5", "5", Outcome.WRONG),
        ("-.5", "-0.5", Outcome.CORRECT),
        ("$.75", "0.75", Outcome.CORRECT),
        ("-$5", "-5", Outcome.CORRECT),
        ("-$5", "5", Outcome.WRONG),
        ("$5", "5", Outcome.CORRECT),
        ("9 -$5", "5", Outcome.CORRECT),
        ("Well...5", "5", Outcome.WRONG),
        ("3/4", "0.75", Outcome.WRONG),
        ("four", "4", Outcome.NO_ANSWER),
        ("", "4", Outcome.NO_ANSWER),
        ("٤", "4", Outcome.NO_ANSWER),
        ("007", "7", Outcome.CORRECT),
        ("-0.0", "0", Outcome.CORRECT),
        ("0.50", "0.5", Outcome.CORRECT),
        ("-5", "5", Outcome.WRONG),
    ],
)
def test_the_last_number_counts(text, gold, outcome):
    assert graded(text, gold).outcome is outcome


def test_what_was_read_is_said():
    assert graded("17 + 29 = 1,046", "46").extracted == "1,046"


def test_a_completion_that_was_cut_off_is_graded_by_what_is_there():
    assert graded("It is 46, since", "46", truncated=True).outcome is Outcome.CORRECT
    assert graded("It is", "46", truncated=True).outcome is Outcome.TRUNCATED


def test_no_number_of_digits_raises():
    assert graded("9" * 10_000, "9").outcome is Outcome.WRONG
    assert graded("9" * 10_000 + "." + "1" * 10_000, "9").outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("gold", "refused"), [("42", False), (" -1,234.5 ", False), ("3/4", True), ("x", True), ("", True), ("1 2", True)]
)
def test_gold_answers_that_are_no_number_are_refused(gold, refused):
    assert bool(LastNumber().reject(gold)) is refused
