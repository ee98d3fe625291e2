import pytest

from p2o.errors import InputError
from p2o.rewards import GradingInput, MathAnswer, SoftOverlong
from p2o.types import Outcome, Question


@pytest.mark.parametrize(
    ("tokens", "punishment"),
    [(10, 0.0), (80, 0.0), (85, 0.125), (90, 0.25), (100, 0.5), (120, 0.5)],  # L = 100, cache 20
)
def test_soft_overlong_by_hand(tokens, punishment):
    reward = SoftOverlong(MathAnswer(), max_length=100, cache=20, punishment=0.5)
    right, wrong = reward.grade(
        [GradingInput(Question("q", "?", "5"), rf"\boxed{{{n}}}", False, tokens) for n in (5, 6)]
    )
    assert right.reward == pytest.approx(1 - punishment) and right.outcome is Outcome.CORRECT
    assert wrong.reward == pytest.approx(-punishment) and wrong.outcome is Outcome.WRONG


def test_an_unknown_length_is_no_short_one():
    with pytest.raises(InputError, match="column 'tokens'"):
        SoftOverlong(MathAnswer(), 100, 20).grade([GradingInput(Question("q", "?", "5"), r"\boxed{5}")])


def test_golds_are_the_other_rewards_business():
    assert SoftOverlong(MathAnswer(), 100, 20).reject("") == MathAnswer().reject("") != ""
    empty = Question("a", "?", "")
    assert SoftOverlong(MathAnswer(), 100, 20).refuse(empty) == MathAnswer().refuse(empty) != ""


@pytest.mark.parametrize(("length", "fits"), [(80, False), (81, True), (100, True), (101, False)])
def test_a_length_that_it_never_or_always_punishes_is_a_problem(length, fits):
    """L = 100, cache 20; within another one it is found as well."""
    reward = SoftOverlong(SoftOverlong(MathAnswer(), 100, 20), 101, 101)
    problems = [*reward.problems(length)]
    assert bool(problems) == (not fits)
    expected = f"max_length from model.max_completion_length ({length}) to less than cache (20) above it, got 100"
    assert all(expected in problem for problem in problems)


@pytest.mark.parametrize("settings", [{"cache": 0}, {"cache": 101}, {"punishment": 0.0}])
def test_refuses_impossible_settings(settings):
    with pytest.raises(InputError, match="SoftOverlong needs"):
        SoftOverlong(MathAnswer(), **({"max_length": 100, "cache": 20} | settings))
