"""Each step on its own."""

from collections import Counter

import pytest

from p2o.commands.prepare.answer_types import answer_type
from p2o.commands.prepare.balancing import balance, quotas
from p2o.commands.prepare.difficulty import leave_out_easy
from p2o.commands.prepare.repeats import leave_out_duplicates, leave_out_overlap
from p2o.commands.prepare.splits import split
from p2o.errors import InputError
from p2o.questions.overlap import COMMON
from p2o.types import Question


def ask(id, text="?", answer="1", difficulty="7.0"):
    return Question(str(id), text, answer, difficulty, origin=f"data:{id}")


def ids(questions):
    return [question.id for question in questions]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("Yes", "yes_no"),
        (r"\text{False}.", "yes_no"),
        ("(B)", "multiple_choice"),
        ("-1,234.5", "numeric"),
        (r"12\%", "percentage"),
        (r"90^\circ", "numeric_with_unit"),
        (r"5\text{ cm}", "numeric_with_unit"),
        (r"\infty", "symbol"),
        ("x", "symbol"),
        ("[0, 1)", "interval_or_set"),
        (r"\{1, 2\}", "interval_or_set"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "vector_or_matrix"),
        (r"\text{does not exist}", "text"),
        (r"\frac{1}{2}", "other"),
        ("x^2+1", "other"),
    ],
)
def test_answer_types(answer, kind):
    assert answer_type(answer) == kind


def test_quotas_by_hand():
    """100 questions: 95 are shared out by sqrt(64) : sqrt(16) = 8 : 4, and 16 is all there is of the second."""
    assert quotas({"numeric": 64, "other": 16, "yes_no": 20}) == {"numeric": 63, "other": 16, "yes_no": 4}
    assert quotas({"yes_no": 20}) == {"yes_no": 0}


def test_balance_keeps_yes_no_at_five_percent_and_depends_on_the_seed():
    questions = [ask(n, answer="yes" if n % 2 else str(n), difficulty=f"{7 + n % 3}") for n in range(600)]
    kept, left_out = balance(questions, 42)
    kinds = Counter(answer_type(question.answer) for question in kept)
    assert 0 < kinds["yes_no"] <= 0.05 * len(kept)
    assert sorted(ids(kept) + ids(left_out), key=int) == ids(questions)
    assert kept == balance(questions, 42)[0] != balance(questions, 43)[0]


def test_difficulty():
    kept, left_out = leave_out_easy([ask(1, difficulty="6.5"), ask(2, difficulty="7.0")], 7)
    assert ids(kept) == ["2"] and ids(left_out) == ["1"]
    with pytest.raises(InputError, match=r"data:3: expected a number as difficulty, got 'easy'"):
        leave_out_easy([ask(3, difficulty="easy")], 7)


def test_duplicates():
    kept, left_out = leave_out_duplicates(
        [
            ask("a", "What is $1+x$ ?"),
            ask("b", "what is 1 + x?"),
            ask("c", "What is $1-x$ ?", "2"),  # same letters and digits, another question
            ask("d", "What is $1+x$?", "3"),  # the same question, another answer
        ]
    )
    assert ids(kept) == ["a", "c"]
    assert [(row.id, row.detail) for row in left_out] == [("b", "of a"), ("d", "of a, with another answer: '1'")]


WORDS = " ".join(f"w{n}" for n in range(20))


def test_overlap():
    evaluation = [ask("e1", "Find $x$: x=1."), ask("e2", WORDS)]
    kept, left_out = leave_out_overlap(
        [
            ask("same", r"find \(x\): \(x = 1\)"),
            ask("run", "Now " + " ".join(f"w{n}" for n in range(4, 17)) + " then"),
            ask("shorter", " ".join(f"w{n}" for n in range(4, 16))),
        ],
        evaluation,
    )
    assert ids(kept) == ["shorter"]
    assert [(row.id, row.rule) for row in left_out] == [
        ("same", "in an evaluation set"),
        ("run", "13-gram of an evaluation set"),
    ]
    assert left_out[1].detail == "data:e2: " + " ".join(f"w{n}" for n in range(4, 17))


def test_a_common_phrase_is_no_overlap():
    phrase = " ".join(f"w{n}" for n in range(13))
    rows = [ask(n, f"{n} {phrase}") for n in range(COMMON)]
    assert leave_out_overlap(rows, [ask("e", phrase + " x")])[0] == []
    rows.append(ask("one more", f"y {phrase}"))
    assert leave_out_overlap(rows, [ask("e", phrase + " x")])[0] == rows


def test_split_is_nested_and_depends_on_the_seed():
    questions = [ask(n) for n in range(50)]
    parts = split(questions, test=10, sizes=(5, 20, 100), seed=42)
    assert {name: len(part) for name, part in parts.items()} == {"test": 10, "train": 40, "train_5": 5, "train_20": 20}
    assert parts["train_5"] == parts["train_20"][:5] and parts["train_20"] == parts["train"][:20]
    assert not set(ids(parts["test"])) & set(ids(parts["train"]))
    assert parts != split(questions, 10, (5, 20, 100), 43)
    assert list(split(questions, 0, (), 42)) == ["train"]
    with pytest.raises(InputError, match="50 are left"):
        split(questions, 50, (), 42)
