"""What math-verify reads otherwise than it is written: a wrong answer is not made right by what it leaves out."""

import pytest

from p2o.rewards.math_answer import Comparison, compare
from p2o.rewards.mathematics.answers import equal_answers
from p2o.rewards.mathematics.plain import plainly_equal

SIGNS = ["@", "#", "?", r"\tag{1}", r"\cancel{9}", r"\perp", r"\dagger", "{}", "[]", "\x1b"]
HALF = r"\frac{1}{2}"
DIFFERENT = {
    "the last fraction of what cannot be read": [
        (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{2}{3}"),
        (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{7}{3} E_2 - \frac{2}{3} E_{1}"),
        (HALF, r"x \notin \frac{1}{2}"),
        (HALF, r"\neg \frac{1}{2}"),
        (HALF, r"\frac{1}{2} \to \infty"),
        (HALF, r"7 \lor \frac{1}{2}"),
        (HALF, r"\frac{1}{3}\cup\frac{1}{2}"),
        (HALF, r"\frac{1}{3}<>\frac{1}{2}"),
        *((HALF, rf"\frac{{1}}{{3}} {sign} \frac{{1}}{{2}}") for sign in SIGNS),
    ],
}

EQUAL: dict[str, list[tuple[str, str]]] = {}


def judged(gold, answer):
    """As MathAnswer does, in this process."""
    equal = plainly_equal(gold, answer)
    return compare(Comparison(gold, answer), set_relations=False) if equal is None else equal


@pytest.mark.parametrize("kind", DIFFERENT)
def test_wrong_answers_are_not_rewarded(kind):
    assert [pair for pair in DIFFERENT[kind] if judged(*pair)] == []


@pytest.mark.parametrize("kind", DIFFERENT)
def test_each_is_equal_to_itself_without_looking_at_its_letters(kind):
    answers = dict.fromkeys(answer for pair in DIFFERENT[kind] for answer in pair)
    assert [answer for answer in answers if not equal_answers(answer, answer)] == []


@pytest.mark.parametrize("kind", EQUAL)
def test_right_answers_are_not_refused(kind):
    assert [pair for pair in EQUAL[kind] if not judged(*pair)] == []
