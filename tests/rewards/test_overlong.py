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


@pytest.mark.parametrize("settings", [{"cache": 0}, {"cache": 101}, {"punishment": 0.0}])
def test_refuses_impossible_settings(settings):
    with pytest.raises(InputError, match="SoftOverlong needs"):
        SoftOverlong(MathAnswer(), **({"max_length": 100, "cache": 20} | settings))
