import pytest

from p2o.rewards.mathematics.plain import plainly_equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("5", "5", True),
        ("5", "6", False),
        ("-5", "5", False),
        ("00", "-0", True),
        ("9" * 5000, "9" * 5000, True),
        ("9" * 5000, "8" * 5000, False),
        ("x", "x", True),
        ("x", "y", False),
        ("5", "5.0", True),
        ("5", "500.0", False),
        ("٥", "5", None),
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac{1}{2}", r"\dfrac{2}{4}", True),
        (r"-\frac{1}{2}", "-1/2", True),
        (r"\frac{1}{2}", r"\frac{1}{3}", False),
        ("2", r"\frac{4}{2}", True),
        (r"\frac{1}{3}", "0.333333", None),
        (r"\frac{1}{0}", r"\frac{2}{0}", None),
        (r"\left(1,\, 2\right]", "$(1,2]$", True),
        (r"\leftarrow", "arrow", None),
        ("1 2", "12", None),
        ("a b", "ab", True),
        (r"\text{even}", "even", True),
        ("yes", "yes.", True),
        (r"\left\{1\right.", r"\left\{2\right.", None),
        (r"\emptyset", r"\varnothing", True),
        ("BACD", "ABCD", False),
        ("xy", "yx", True),
        ("x+1", "x", None),
        ("1.25", "1.26", False),
        (".5", "1/2", True),
        (r"\boldsymbol{73}", "73", True),
        (r"1\,234", "1,234", True),
        ("(1,2)", r"\{1, 2\}", None),
        ("(1,2),(3,4)", r"\{(1,2),(3,4)\}", None),
        ("(1,2)", "1,2", None),
    ],
)
def test_plainly_equal(gold, answer, equal):
    assert plainly_equal(gold, answer) is equal
