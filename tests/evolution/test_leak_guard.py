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


CHINESE = "一个袋子里有七个红球和五个蓝球,随机取出两个球,求两个球颜色不同的概率。"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (f"请一步一步地思考。例如:{CHINESE}", QUESTION),
        ("题目:一个袋子里有七个红球和五个蓝球", QUESTION),  # 13 signs in a row and more
        ("一个袋子里有七个红球和", ""),  # 11
        ("请一步一步地思考,最后写出答案。", ""),
    ],
)
def test_words_need_no_blanks_between_them(template, expected):
    assert cause(template, [Question("1", CHINESE, "35/66"), Question("2", "请计算。", "1")]) == expected


SPELLINGS = {
    "1234567": ["1,234,567", "1{,}234{,}567", "1\\,234\\,567", "1 234 567", "１２３４５６７", "1\u202f234\u202f567"],
    "1,234,567": ["1234567"],
    "\\frac{1234}{5678}": ["\\dfrac{1234}{5678}", "\\tfrac {1234} {5678}", "1234/5678", "1234 / 5678"],
    "1234/5678": ["\\frac{1234}{5678}"],
    "x=123456": ["x = 123456"],
    "(123, 456)": ["(123,456)", "\\left(123, 456\\right)"],
}


@pytest.mark.parametrize(("answer", "said"), [(gold, said) for gold, ways in SPELLINGS.items() for said in ways])
def test_an_answer_in_another_spelling_leaks(answer, said):
    questions = [Question("1", "?", answer)]
    assert cause(f"Remember: ${said}$, always.", questions) == ANSWER


@pytest.mark.parametrize("said", ["11,234,567", "1,234,5670", "1,234,568", "1,23,4567", "234,567"])
def test_another_number_is_no_leak(said):
    assert cause(f"Remember: ${said}$, always.", [Question("1", "?", "1234567")]) == ""


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


SQUARE = "已知正方形的边长为七，点在对角线上且三角形的面积为二十一，求线段的长度。"


@pytest.mark.parametrize(
    ("answer", "template", "expected"),
    [
        ("5", f"例如：{SQUARE}", QUESTION),
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
    assert cause(template, [Question("1", SQUARE, answer)]) == expected
