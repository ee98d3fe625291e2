import pytest

from p2o.rewards.base import GradingInput
from p2o.rewards.exact_answer import ExactAnswer
from p2o.types import Grade, Outcome, Question


@pytest.mark.parametrize(
    ("text", "truncated", "grade"),
    [
        (r"\boxed{BMFQ}", False, Grade(1.0, Outcome.CORRECT, "BMFQ")),
        (r"\boxed{ BMFQ }", False, Grade(1.0, Outcome.CORRECT, "BMFQ")),
        (r"\boxed{QFMB} or \boxed{BMFQ}", False, Grade(1.0, Outcome.CORRECT, "BMFQ")),
        (r"\boxed{FBMQ}", False, Grade(0.0, Outcome.WRONG, "FBMQ")),  # as a product it would be equal
        (r"\boxed{bmfq}", False, Grade(0.0, Outcome.WRONG, "bmfq")),
        (r"\boxed{BMFQ} or \boxed{", False, Grade(0.0, Outcome.NO_ANSWER)),
        ("BMFQ", False, Grade(0.0, Outcome.NO_ANSWER)),
        ("Word", True, Grade(0.0, Outcome.TRUNCATED)),
    ],
)
def test_the_last_box_spells_the_answer(text, truncated, grade):
    assert ExactAnswer().grade([GradingInput(Question("q", "Spell it.", "BMFQ"), text, truncated)]) == [grade]


def test_a_boxed_gold_answer_is_its_content():
    [grade] = ExactAnswer().grade([GradingInput(Question("q", "Spell it.", r"\boxed{BMFQ}"), r"\boxed{BMFQ}")])
    assert grade.reward == 1.0


def test_an_empty_gold_answer_is_rejected():
    assert ExactAnswer().reject(r"\boxed{}") and ExactAnswer().reject(" ")
    assert not ExactAnswer().reject("BMFQ")
