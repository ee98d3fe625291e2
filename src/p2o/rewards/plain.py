r"""Equality of answers that can be seen without algebra: one spelling, or numbers that are written out.

Most answers of a rollout batch are of this kind, and reading LaTeX with math-verify takes about ten milliseconds.
"""

import re
from fractions import Fraction
from itertools import accumulate

_INTEGER = re.compile(r"(?P<sign>[+-]?)0*(?P<digits>[0-9]+)")
# Bounded digits: Python refuses to read more than 4,300.
_FRACTION = re.compile(
    r"(?P<sign>-?)(?:\\frac\{(?P<over>[0-9]{1,99})\}\{(?P<under>[0-9]{1,99})\}|(?P<a>[0-9]{1,99})/(?P<b>[0-9]{1,99}))"
)
_DECIMAL = re.compile(r"-?[0-9]{1,99}\.[0-9]{1,99}")
_SPACING = re.compile(r"\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\[,;:! ]")
_BLANK = re.compile(r"(?<![0-9A-Za-z])\s+|\s+(?![0-9A-Za-z])")  # not between words, and not in "1 2"
_FULL_STOP = re.compile(r"(?<=[0-9A-Za-z)\]}])(?<!\\right)\.$")
_FRAC = re.compile(r"\\[dt]frac(?![A-Za-z])")


def plainly_equal(gold: str, answer: str) -> bool | None:
    """Whether two answers are equal, if that can be seen without algebra; else None."""
    gold, answer = spelling(gold), spelling(answer)
    if gold == answer:
        return True
    if {brackets(gold), brackets(answer)} == {"set", "tuple"}:
        return False  # math-verify takes {1, 2} for (1, 2)
    if (gold_integer := integer(gold)) and (answer_integer := integer(answer)):
        return gold_integer == answer_integer
    gold_number, answer_number = number(gold), number(answer)
    if gold_number is None or answer_number is None:
        return None
    if gold_number == answer_number:
        return True
    rounded = _DECIMAL.fullmatch(gold) or _DECIMAL.fullmatch(answer)
    return None if rounded else False  # whether 0.333333 is 1/3 is math-verify's to say


def spelling(text: str) -> str:
    r"""A text without what changes its looks alone: outer `$`, `\left`, `\,`, `\dfrac`, blanks beside signs."""
    text = end_trimmed(text)
    if len(text) > 1 and text[0] == text[-1] == "$" and "$" not in text[1:-1]:
        text = text[1:-1]
    return _BLANK.sub("", _SPACING.sub("", _FRAC.sub(r"\\frac", text)))


def end_trimmed(text: str) -> str:
    r"""A text without a full stop at its end and blanks around it, and with one name for the empty set.

    Within a sentence that has its formula in `$`, math-verify finds the formula by what stands around it.
    """
    text = text.strip().replace("\\varnothing", "\\emptyset")
    return text if "$" in text else _FULL_STOP.sub("", text)


def brackets(text: str) -> str:
    r"""What a spelling is by its outermost brackets: "set" for `\{1,2\}`, "tuple" for `(1,2)`, else ""."""
    if text.startswith("\\{") and text.endswith("\\}"):
        return "set"
    if not (text.startswith("(") and text.endswith(")") and "," in text):
        return ""
    depths = list(accumulate((sign == "(") - (sign == ")") for sign in text))
    return "tuple" if 0 not in depths[:-1] else ""  # the first bracket of (1,2),(3,4) is closed before the end


def integer(text: str) -> tuple[bool, str] | None:
    """Whether it is negative, and its digits, if the text is an integer; as text, since it may have any length."""
    found = _INTEGER.fullmatch(text)
    return found and (found["sign"] == "-" and found["digits"] != "0", found["digits"])


def number(text: str) -> Fraction | None:
    """The value of an integer, a fraction of integers or a decimal number that is written out."""
    if _DECIMAL.fullmatch(text) or (len(text) < 100 and _INTEGER.fullmatch(text)):
        return Fraction(text)
    if (found := _FRACTION.fullmatch(text)) is None:
        return None
    over, under = int(found["over"] or found["a"]), int(found["under"] or found["b"])
    if under == 0:
        return None
    return Fraction(-over if found["sign"] else over, under)
