"""Answers as a policy writes them that degenerates: they are read in the training process, which nobody ends."""

import time

import pytest

from p2o.rewards import GradingInput, MathAnswer
from p2o.rewards.mathematics.notation import LONGEST
from p2o.rewards.mathematics.plain import plainly_equal, spelling
from p2o.types import Outcome, Question

UNITS = [
    *"1 0 a A , . ; : ( ) [ ] { } ^ _ $ | - + / ' ~ π ² ½ √".split(), " ", "\n",
    *"a1 1a 1, ,111 \\, \\;111 \\! \\\\ ~111 {,}111 e1 1e1 pi \\% A1 _1 1_ _{1} 1_{ \\circ ^\\circ ^{\\circ}".split(),
    *"\\text{ \\text{a} \\frac \\frac1 \\frac{1}{2} \\sqrt \\sqrt( 2^( 2^(1) \\bf \\bf{ \\bm{a} \\mathrm{i}".split(),
    *"x= 1/ \\overline{1} 0.\\overline{1} \\left( and \\begin{".split(),
    " .", ", ", " 111", "\\; ", "\\ ", " and ", "1 1/2 ", "percent ",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_no_answer_takes_long_however_it_repeats_itself(unit):
    counts = (LONGEST // len(unit) - 4, 3000)  # all of it is read, and none
    for answer in (f"{a}{unit * n}{b}" for n in counts for a, b in (("", ""), ("1", "2"), ("N", ".5"), ("{", "x"))):
        for gold in ("5", "yes", "\\frac{1}{2}"):
            start = time.process_time()
            assert plainly_equal(gold, answer) is not True
            spelling(answer)
            assert time.process_time() - start < 1


@pytest.mark.parametrize("digits", [24, 200, 4000])
def test_a_name_with_many_digits_is_read_at_once(digits):
    start = time.process_time()
    assert plainly_equal("yes", "N" + "1" * digits + ".5") is not True
    assert time.process_time() - start < 1


@pytest.mark.parametrize("count", [100, 4400])
def test_a_decimal_that_repeats_thousands_of_digits_ends_no_run(count):
    answer = "0.\\overline{" + "3" * count + "}"
    [grade] = MathAnswer().grade([GradingInput(Question("q", "?", "5"), f"\\boxed{{{answer}}}")])
    assert grade.outcome in (Outcome.WRONG, Outcome.TIMEOUT, Outcome.ERROR)
    spelling(answer)
