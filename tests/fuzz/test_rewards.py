r"""Verdicts on made-up answers: never a crash, and never right where exact arithmetic says wrong."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from untrusted import MATHS, ODD, SCALARS, WORDS, cases, texts

from p2o.errors import InputError
from p2o.rewards import GradingInput, MathAnswer, Reward, SoftOverlong, grade_checked
from p2o.rewards.boxed import last_boxed, unbox
from p2o.types import Grade, Outcome, Question

VERDICTS = (Outcome.CORRECT, Outcome.WRONG)


@pytest.fixture(scope="module")
def reward():
    return MathAnswer(timeout=20.0)  # on a busy machine, too


def graded(reward, gold, *answers):
    inputs = [GradingInput(Question("q", "?", gold), f"So it is \\boxed{{{answer}}}.") for answer in answers]
    return [grade.outcome for grade in reward.grade(inputs)]


# ---- any text


@cases(60)
@given(st.lists(st.tuples(texts(*MATHS, *WORDS, *ODD), texts(*MATHS, *WORDS, *ODD), st.booleans()), max_size=4))
def test_every_completion_has_a_grade(reward, pairs):
    inputs = [GradingInput(Question("q", "?", gold), text, cut, len(text)) for gold, text, cut in pairs]
    grades = grade_checked(SoftOverlong(reward, max_length=20, cache=10), inputs)
    assert len(grades) == len(inputs)
    for grade, item in zip(grades, inputs, strict=True):
        assert math.isfinite(grade.reward) and isinstance(grade.outcome, Outcome)
        assert grade.reward <= (grade.outcome is Outcome.CORRECT)
        assert grade.extracted in item.text
        if last_boxed(item.text) is None:
            assert grade.outcome in (Outcome.NO_ANSWER, Outcome.TRUNCATED)


@cases(100)
@given(texts(*MATHS, *WORDS))
def test_the_last_box_is_found_by_counting_braces(text):
    found = last_boxed(text)
    if found is not None:
        assert f"{{{found}}}" in text
    assert unbox(f"\\boxed{{{text}}}") == text.strip() or last_boxed(f"\\boxed{{{text}}}") != text


ATOMS = st.sampled_from(
    ["0", "7", "-3", "12.5", "x", "n", "\\pi", "\\infty", "\\text{yes}", "50\\%", "90^\\circ", "1,234", "i", "e"]
)
ANSWERS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("\\frac{{{}}}{{{}}}".format, inner, inner),
        st.builds("\\sqrt{{{}}}".format, inner),
        st.builds("({}, {})".format, inner, inner),
        st.builds("\\{{{}, {}\\}}".format, inner, inner),
        st.builds("[{}, {})".format, inner, inner),
        st.builds("{}^{{{}}}".format, ATOMS, ATOMS),
        st.builds("{} + {}".format, inner, inner),
        st.builds("{} \\cdot {}".format, inner, inner),
        st.builds("x = {}".format, inner),
    ),
    max_leaves=4,
)


@cases(30)
@given(ANSWERS, st.sampled_from(["{}", "${}$", " {} ", "\\,{}", "\\left({}\\right)"]))
def test_a_gold_answer_that_is_accepted_is_right(reward, gold, spelling):
    if reward.reject(gold):
        return
    [plain, spelled] = graded(reward, gold, gold, spelling.format(gold))
    assert plain is Outcome.CORRECT
    assert spelled in (*VERDICTS, Outcome.TIMEOUT)


# ---- numbers, against exact arithmetic

NUMBERS = st.one_of(
    st.integers(-50, 50).map(Fraction),
    st.fractions(-9, 9, max_denominator=40),
    st.builds(
        lambda digits, exponent: Fraction(digits) * Fraction(10) ** exponent, st.integers(1, 999), st.integers(-40, 40)
    ),
)


def spellings(value: Fraction):
    """Ways to write a number, all exact."""
    over, under = value.numerator, value.denominator
    sign, over = ("-", -over) if over < 0 else ("", over)
    found = [
        f"{sign}\\frac{{{over}}}{{{under}}}",
        f"{sign}{over}/{under}",
        f"{sign}\\dfrac{{{2 * over}}}{{{2 * under}}}",
    ]
    if under == 1:
        found += [f"{sign}{over}", f"{sign}{over}.0", f"${sign}{over}$"] if over < 10**20 else [f"{sign}{over}"]
    places = next((n for n in range(45) if 10**n % under == 0), None)
    if places:
        digits = str(over * 10**places // under).rjust(places + 1, "0")
        found += [f"{sign}{digits[:-places]}.{digits[-places:]}"]
    if value and places is not None:
        digits = str(over * 10**places // under)
        found += [f"{sign}{digits} \\times 10^{{{-places}}}", f"{sign}{digits}\\cdot10^{{{-places}}}"]
    return st.sampled_from(found)


@st.composite
def two_numbers(draw):
    """Two values and a spelling of each; often equal, often close."""
    first = draw(NUMBERS)
    close = [Fraction(0), first / 10, -first, first / 1000, Fraction(1, 10**12), Fraction(1)]
    second = first + draw(st.sampled_from(close)) if draw(st.booleans()) else first
    return first, second, draw(spellings(first)), draw(spellings(second))


@cases(60)
@given(st.lists(two_numbers(), min_size=1, max_size=4))
def test_numbers_are_equal_if_their_values_are(reward, pairs):
    for first, second, gold, answer in pairs:
        [outcome] = graded(reward, gold, answer)
        assert outcome in VERDICTS, (gold, answer)
        rounded = first != second and "." in gold + answer and abs(first - second) <= abs(first) / 10**5
        if not rounded:  # whether a decimal stands for what it is rounded from is a matter of taste
            assert (outcome is Outcome.CORRECT) == (first == second), (gold, answer)


# Blanks behind commas: 0,1 may be a decimal number.
SHAPES = {"tuple": "({})", "set": "\\{{{}\\}}", "list": "{}", "ratio": "{}"}


def proportional(first, second):
    return len(first) == len(second) and all(
        first[i] * second[j] == first[j] * second[i] for i in range(len(first)) for j in range(i)
    )


@cases(60)
@given(st.sampled_from(list(SHAPES)), st.lists(st.integers(0, 9), min_size=2, max_size=4), st.data())
def test_collections_are_equal_if_their_members_are(reward, shape, gold, data):
    change = data.draw(st.sampled_from(["none", "one", "more", "fewer", "order"]))
    answer = list(gold)
    if change == "one":
        answer[data.draw(st.integers(0, len(gold) - 1))] += 1
    elif change == "more":
        answer.append(answer[-1])
    elif change == "fewer":
        answer = answer[:-1] if len(answer) > 2 else answer
    elif change == "order":
        answer = answer[::-1]
    joined = {"ratio": ":"}.get(shape, ", ")
    written = [SHAPES[shape].format(joined.join(map(str, members))) for members in (gold, answer)]
    [outcome] = graded(reward, *written)
    expected = {
        "tuple": gold == answer,
        "ratio": gold == answer,
        "set": set(gold) == set(answer),
        "list": sorted(gold) == sorted(answer),
    }[shape]
    if shape == "ratio" and proportional(gold, answer):
        return  # 2:4 and 1:2 are one ratio
    if shape == "set" and max(len(gold) - len(set(gold)), len(answer) - len(set(answer))):
        return  # a set that names a member twice
    assert outcome in VERDICTS
    assert (outcome is Outcome.CORRECT) == expected, written


@cases(30)
@given(st.text("ABCDEF", min_size=2, max_size=5), st.data())
def test_words_of_letters_are_no_products(reward, gold, data):
    answer = "".join(data.draw(st.permutations(gold)))
    [outcome] = graded(reward, gold, answer)
    assert (outcome is Outcome.CORRECT) == (gold == answer), (gold, answer)


@cases(20)
@given(st.text("01", min_size=2, max_size=5), st.integers(2, 9), st.integers(2, 9))
def test_a_base_is_part_of_the_number(reward, digits, base, other):
    [outcome] = graded(reward, f"1{digits}_{base}", f"1{digits}_{{{other}}}")
    assert (outcome is Outcome.CORRECT) == (base == other)


# ---- a reward that somebody else wrote


class Odd(Reward):
    """Returns what it was given."""

    def __init__(self, returned):
        self.returned = returned

    def grade(self, answered):
        return self.returned


@cases(60)
@given(st.lists(st.builds(Grade, SCALARS, st.sampled_from(list(Outcome))), max_size=3), st.integers(0, 3))
def test_what_a_reward_says_is_finite_or_refused(returned, asked):
    inputs = [GradingInput(Question(f"q{n}", "?", "1"), "\\boxed{1}") for n in range(asked)]
    try:
        grades = grade_checked(Odd(returned), inputs)
    except InputError:
        return
    assert len(grades) == asked
    assert all(isinstance(grade.reward, int | float) and math.isfinite(grade.reward) for grade in grades)
