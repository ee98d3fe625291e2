r"""Equality of answers that can be seen without algebra: one spelling, words, or numbers that are written out.

Most answers of a rollout batch are of this kind, and reading LaTeX with math-verify takes about ten milliseconds.
"""

import re
from fractions import Fraction

from p2o.rewards.mathematics.notation import normalised
from p2o.rewards.mathematics.structure import word

_INTEGER = re.compile(r"(?P<sign>[+-]?)0*(?P<digits>[0-9]+)")
# Bounded digits: Python refuses to read more than 4,300.
_FRACTION = re.compile(
    r"(?P<sign>-?)(?:\\frac\{(?P<over>[0-9]{1,99})\}\{(?P<under>[0-9]{1,99})\}|(?P<a>[0-9]{1,99})/(?P<b>[0-9]{1,99}))"
)
_DECIMAL = re.compile(r"-?[0-9]{0,99}\.[0-9]{1,99}")
_BLANK = re.compile(r"(?<![0-9A-Za-z])\s+|\s+(?![0-9A-Za-z])")  # not between words, and not in "1 2"
FACTORS = set("xyz")  # letters that name factors, so that their order does not count; others may name anything


def plainly_equal(gold: str, answer: str) -> bool | None:
    """Whether two answers are equal, if that can be seen without algebra; else None."""
    if (gold_integer := integer(gold)) and (answer_integer := integer(answer)):
        return gold_integer == answer_integer
    gold, answer = spelling(gold), spelling(answer)
    if gold == answer:
        return True
    if (gold_integer := integer(gold)) and (answer_integer := integer(answer)):
        return gold_integer == answer_integer
    if (gold_word := word(gold)) and (answer_word := word(answer)):
        factors = set(gold) | set(answer) <= FACTORS and sorted(gold) == sorted(answer)
        return factors or gold_word == answer_word
    gold_number, answer_number = number(gold), number(answer)
    if gold_number is None or answer_number is None:
        return None
    if gold_number == answer_number:
        return True
    # 0.333333 may be 1/3, while no decimal number stands for another one or for an integer.
    rounded = _DECIMAL.fullmatch(gold) or _DECIMAL.fullmatch(answer)
    return None if rounded and (_FRACTION.fullmatch(gold) or _FRACTION.fullmatch(answer)) else False


def spelling(text: str) -> str:
    """An answer in the one notation, without the blanks beside its signs."""
    return _BLANK.sub("", normalised(text))


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
