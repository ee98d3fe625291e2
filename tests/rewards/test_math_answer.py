import pytest

from p2o.errors import InputError
from p2o.rewards.base import GradingInput
from p2o.rewards.math_answer import Comparison, MathAnswer
from p2o.types import Grade, Outcome, Question


@pytest.fixture(scope="module")
def reward():
    return MathAnswer(timeout=20)


def grade(reward, gold, completion, truncated=False):
    [result] = reward.grade([GradingInput(Question("q", "?", gold), completion, truncated)])
    return result


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("5", "5"),
        ("5", " 005 "),
        ("-0", "0"),
        ("5", "5.0"),
        ("5", "5\\text{ cm}"),
        ("5", "$5$"),
        ("1234", "1,234"),
        (r"\frac{1}{2}", "0.5"),
        (r"\boxed{\frac{1}{2}}", r"\frac24"),
        ("5", r"\boxed{5}"),
        ("x=5", "5"),
        (r"\{1,2\}", r"\{2,1\}"),
        ("(1,2)", "(1, 2)"),
        (r"\sqrt{8}", r"2\sqrt{2}"),
        (r"\text{Yes}", "Yes"),
        ("(x+1)^2", "x^2+2x+1"),
        ("9" * 5000, "9" * 5000),
        ("yes", r"\text{Yes}."),
        (r"\text{even}", "even"),
        (r"\text{(B)}", "B"),
        ("5", r"5\,\mathrm{cm}"),
        (r"90^\circ", "90"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
        (r"(-\infty,2)\cup(3,\infty)", r"(-\infty, 2) \cup (3, \infty)"),
        ("[0,1)", "[0, 1)"),
        ("1,2,3", "3, 2, 1"),
        ("$x < 3$", r"We find that $x \lt 3$."),
    ],
)
def test_correct(reward, gold, answer):
    result = grade(reward, gold, rf"So it is \boxed{{{answer}}}.")
    assert (result.reward, result.outcome) == (1.0, Outcome.CORRECT)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("5", "6"),
        ("5", "-5"),
        ("5", "500"),  # no percent equivalence
        ("5", "0.05"),
        ("5", r"\frac{5}{100}"),
        ("(1,2)", "1<x<2"),  # no leniency between sets and relations
        ("(1,2)", "(2,1)"),
        ("5", "5, 6"),
        ("[0,1)", "[0,1]"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}"),
        (r"\text{even}", "odd"),
        (r"\{1,2\}", "(1,2)"),
        ("5", "either 4 or 5"),
        (r"\text{Yes}", "No"),
        ("9" * 5000, "9" * 4999 + "8"),
    ],
)
def test_wrong(reward, gold, answer):
    result = grade(reward, gold, rf"So it is \boxed{{{answer}}}.")
    assert result == Grade(0.0, Outcome.WRONG, answer)


def test_set_relations_if_asked_for():
    assert grade(MathAnswer(timeout=20, set_relations=True), "(1,2)", r"\boxed{1<x<2}").outcome is Outcome.CORRECT


def test_only_the_last_box_counts(reward):
    assert grade(reward, "5", r"\boxed{5}, no, \boxed{6}").outcome is Outcome.WRONG
    assert grade(reward, "5", r"\boxed{6}, no, \boxed{5}. The answer is 7.").outcome is Outcome.CORRECT


def test_consecutive_boxes_are_one_answer_if_asked_for(reward):
    together = MathAnswer(timeout=20, consecutive_boxes=True)
    text = r"The points are \boxed{(2,2)} and \boxed{(6,2)}."
    assert grade(reward, "(2,2), (6,2)", text).outcome is Outcome.WRONG
    assert grade(together, "(2,2), (6,2)", text).outcome is Outcome.CORRECT
    assert grade(together, "(6,2)", text).outcome is Outcome.WRONG
    assert grade(together, "5", r"\boxed{4}. This is too small, so it is \boxed{5}").outcome is Outcome.CORRECT


@pytest.mark.parametrize("text", ["5", "", r"\boxed{}", r"\boxed{ }", r"\boxed{5"])
def test_no_answer(reward, text):
    assert grade(reward, "5", text) == Grade(0.0, Outcome.NO_ANSWER)
    assert grade(reward, "5", text, truncated=True) == Grade(0.0, Outcome.TRUNCATED)


def test_a_truncated_completion_with_an_answer_is_graded(reward):
    assert grade(reward, "5", r"\boxed{5} and so on and", truncated=True).outcome is Outcome.CORRECT


def test_an_empty_gold_matches_nothing(reward):
    assert grade(reward, "", r"\boxed{}").outcome is Outcome.NO_ANSWER


def test_a_bomb_times_out_and_the_rest_is_graded(caplog):
    reward = MathAnswer(timeout=0.5)
    assert grade(reward, "1", r"\boxed{\frac{2}{2}}").outcome is Outcome.CORRECT  # the worker has started
    bombs = [r"9^{9^{9^9}}", r"10!!!"]
    grades = reward.grade(
        [
            GradingInput(Question("q", "?", r"\frac{1}{3}"), rf"\boxed{{{text}}}")
            for text in [*bombs, r"\frac{2}{6}", "7"]
        ]
    )
    assert [grade.outcome for grade in grades] == [Outcome.TIMEOUT, Outcome.TIMEOUT, Outcome.CORRECT, Outcome.WRONG]
    assert [grade.reward for grade in grades] == [0.0, 0.0, 1.0, 0.0]
    assert "9^{9^{9^9}}" in caplog.text


def test_a_grader_that_raises_is_an_error_not_a_wrong_answer(reward, monkeypatch, caplog):
    monkeypatch.setattr("p2o.rewards.math_answer.compare", len)  # TypeError: a comparison has no len
    assert grade(reward, "x", r"\boxed{y+1}") == Grade(0.0, Outcome.ERROR, "y+1")
    assert "TypeError" in caplog.text


def test_equal_comparisons_are_made_once(reward, monkeypatch):
    asked = []
    monkeypatch.setattr(reward._pool, "map", lambda compare, pairs: [asked.append(pair) or True for pair in pairs])
    answered = [GradingInput(Question("q", "?", "1+a"), rf"\boxed{{{text}+1}}") for text in "bbcb"]
    assert [grade.outcome for grade in reward.grade(answered)] == [Outcome.CORRECT] * 4
    assert asked == [Comparison("1+a", "b+1"), Comparison("1+a", "c+1")]


def test_integers_and_equal_texts_need_no_worker():
    reward = MathAnswer()
    grades = reward.grade(
        [GradingInput(Question("q", "?", "42"), rf"\boxed{{{text}}}") for text in ["42", "+042", "43"]]
    )
    assert [grade.outcome for grade in grades] == [Outcome.CORRECT, Outcome.CORRECT, Outcome.WRONG]
    [boxed] = reward.grade([GradingInput(Question("q", "?", r"\boxed{ 42 }"), r"\boxed{42}")])
    assert boxed.outcome is Outcome.CORRECT
    assert reward.reject("42") == "" and not reward._pool._idle


@pytest.mark.parametrize("gold", ["5", r"\frac{1}{2}", r"\boxed{7}", r"\text{Yes}", r"\infty", "(1, 2]", "x + 1"])
def test_golds_that_parse(reward, gold):
    assert reward.reject(gold) == ""


@pytest.mark.parametrize(
    ("gold", "reason"),
    [("", "empty"), ("  ", "empty"), (r"\boxed{}", "empty"), (r"\frac{", "reads nothing"), ("}", "reads nothing")],
)
def test_golds_that_do_not(reward, gold, reason):
    assert reason in reward.reject(gold)


@pytest.mark.parametrize("arguments", [{"timeout": 0}, {"timeout": -1}, {"workers": 0}])
def test_bad_arguments(arguments):
    with pytest.raises(InputError, match="timeout > 0 and workers >= 1"):
        MathAnswer(**arguments)


def test_a_whole_solution_is_no_gold_answer_and_the_cure_is_named(reward):
    for solution in ("We add.\n3 + 4 = 7.\n#### 148", "$x = 7$ #### 7"):
        assert reward.reject(solution) == "it is a whole solution: keep what stands after '####'"
