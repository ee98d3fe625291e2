r"""An answer that gives its rounding as well, such as `\frac{\pi}{4} \approx 0.785`: what counts is what is exact."""

import re
from fractions import Fraction

from p2o.rewards.mathematics.plain import number, spelling
from p2o.rewards.mathematics.structure import equation

_ROUNDED = re.compile(
    r"(?P<exact>.+?)\s*\\approx\s*(?P<rounded>-?[0-9]*\.?(?P<places>[0-9]{1,99}))\s*(?:\\l?dots|\.\.\.)?", re.DOTALL
)
_NAME = re.compile(r"\\?[A-Za-z]+(?:_(?:[0-9A-Za-z]|\{[^{}]*\}))?")


def without_rounding(text: str) -> str:
    r"""The exact part of an answer, and `x = 3.14` for `x \approx 3.14`; others and a wrong rounding as they are."""
    found = _ROUNDED.fullmatch(text)
    if found is None:
        return text
    exact, rounded = found["exact"], found["rounded"]
    if _NAME.fullmatch(exact):
        return f"{exact}={rounded}"
    value = number(spelling(equation(exact)[1]))
    step = Fraction(1, 10 ** len(found["places"])) if "." in rounded else 1
    return exact if value is None or abs(value - Fraction(rounded)) < step else text
