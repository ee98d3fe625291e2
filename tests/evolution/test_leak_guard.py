import pytest

from p2o.evolution.proposals.leak_guard import ANSWER, QUESTION, LeakGuard, is_telling
from p2o.reflectors.base import Proposal
from p2o.types import Question

LONG = (
    "Let $ABCD$ be a square of side 7, and let E be a point on the diagonal AC such that the triangle BED has area 21. "
    "Find the length of AE."
)
QUESTIONS = [
    Question("1", LONG, "5"),
    Question("2", "How many primes are below 100?", "25"),
    Question("3", "2 + 2 = ?", "4"),
    Question("4", "What is 12 * 12 * 1000?", "144000"),
    Question("5", "Solve it.", "\\left(\\frac{17}{23},\\ 4\\sqrt{59}\\right)"),
    Question("6", "Does it converge?", "convergent"),
]


def cause(template, questions=QUESTIONS):
    proposal = LeakGuard(questions)(Proposal(template, reply="r"))
    assert proposal.reply == "r" and bool(proposal.template) != bool(proposal.rejection)
    return proposal.rejection


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (f"Work in steps. For example: {LONG}", QUESTION),
        ("LET ABCD BE A SQUARE OF SIDE 7 AND LET E BE A POINT", QUESTION),  # 13 words, other signs
        ("Let ABCD be a square of side 7, and let E be", ""),  # 12 words
        ("When asked how many primes are below 100, count them.", QUESTION),
        ("When asked how many primes are below 50, count them.", ""),
        ("2 + 2 = ?", ""),  # too short to tell
        ("The final answer is 144000.", ANSWER),
        ("The final answer is 1440001, or x144000.", ""),  # another number
        ("Box it: \\boxed{25}, or \\boxed{4}; 5 is a digit.", ""),  # short answers are everywhere
        ("It is $\\left(\\frac{17}{23},\\  4\\sqrt{59}\\right)$.", ANSWER),  # blanks do not matter
        ("Say whether the series is convergent.", ""),  # a word
        ("Go step by step.", ""),
    ],
)
def test_what_leaks(template, expected):
    assert cause(template) == expected


def test_with_no_questions_everything_passes():
    assert cause(LONG, []) == ""


def test_common_phrases_are_no_leak():
    phrase = "where m and n are relatively prime positive integers. Find the value of m plus n"
    questions = [Question(str(number), f"Problem {number} {phrase}", "1") for number in range(11)]
    assert cause(f"Note {phrase}.", questions) == "" != cause(f"Note {phrase}.", questions[:10])


@pytest.mark.parametrize(
    ("answer", "telling"),
    [("5", False), ("2024", False), ("\\frac{1}{2}", False), ("x+1", False), ("\\text{increasing}", False),
     ("123456", True), ("3x^2+12y^2", True), ("", False)],
)  # fmt: skip
def test_telling_answers(answer, telling):
    assert is_telling(answer) is telling


CHINESE = "已知正方形的边长为七，点在对角线上且三角形的面积为二十一，求线段的长度。"


@pytest.mark.parametrize(
    ("answer", "template", "expected"),
    [
        ("5", f"例如：{CHINESE}", QUESTION),
        ("5", "请一步一步思考，并给出最后的答案。", ""),
        ("1234567", "It is often 1,234,567.", ANSWER),
        ("1,234,567", "It is often 1234567 in the end.", ANSWER),
        ("1234567", r"It is often $1{,}234{,}567$.", ANSWER),
        (r"1\,234\,567", "It is often 1 234 567.", ANSWER),
        (r"\dfrac{1234}{5678}", r"Say \frac{1234}{5678}.", ANSWER),
        (r"\frac{1234}{5678}", r"Say $\dfrac{1234}{5678}$.", ANSWER),
        (r"\frac{1234}{5678}", "Say 1234/5678 then.", ANSWER),
        ("1234/5678", r"Say \tfrac{1234}{5678}", ANSWER),
        (r"\left(12,\ 3456\right)", "Say ( 12, 3456 ).", ANSWER),
        ("1234567", "It is never 12,345,678 or 21234567.", ""),
    ],
)
def test_other_notations_and_languages(answer, template, expected):
    assert cause(template, [Question("1", CHINESE, answer)]) == expected
