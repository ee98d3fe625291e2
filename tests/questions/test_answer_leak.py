import pytest

from p2o.questions.answer_leak import gives_away
from p2o.types import Question


@pytest.mark.parametrize(
    ("gold", "hint"),
    [
        ("5", "The answer is 5."),
        ("27.0", "The answer is 27."),
        ("27", "The answer is 27.00."),
        ("0.50", "It is 0.5."),
        ("$5$", "The answer is 5."),
        ("5", "The answer is $5$."),
        (r"\boxed{42}", "The answer is 42."),
        (r"\frac{1}{2}", "The answer is 1/2."),
        (r"\frac{1}{2}", r"The answer is \dfrac{1}{2}."),
        (r"\frac12", r"The answer is \frac{1}{2}."),
        ("1/2", r"The answer is \frac{1}{2}."),
        ("1,234", "The answer is 1234."),
        ("1234", "The answer is 1,234."),
        (r"1{,}234", "The answer is 1 234."),
        (r"\left(1,2\right)", "The answer is (1, 2)."),
        (r"10\%", "It is 10 %."),
        ("x=5", "It is 5."),
        (r"\text{Yes}", "It is yes."),
        (r"\textbf{(A)}", "It is (A)."),
        (r"5 \text{ cm}", "It is 5 cm."),
        (r"\boxed{\text{east}}", "Go East!"),
        (r"-1\,000", "It is -1000."),
    ],
)
def test_an_answer_is_found_in_any_spelling(gold, hint):
    assert gives_away(hint, Question("q", "?", gold))


@pytest.mark.parametrize(
    ("gold", "hint"),
    [
        ("5", "Take 15 and 55 and x5."),
        ("5.0", "Take 15 and 50."),
        (r"\frac{1}{2}", "Halve 11/2 and 1/20."),
        (r"\text{no}", "Note what is known."),
        ("1234", "Take 1,2345 and 12,34."),
        ("x=5", "Solve for x."),
        ("", "Anything."),
        ("$$", "Anything."),
        (r"\text{}", "Anything."),
    ],
)
def test_and_nothing_else_is(gold, hint):
    assert not gives_away(hint, Question("q", "?", gold))
