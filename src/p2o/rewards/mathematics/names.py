r"""What math-verify takes for one another, told apart: names with marks, letters of both cases, products of numbers.

It leaves out the marks of `f'`, and makes small letters of capital ones, so that `R^2 - r^2` is 0 and `\Pi` the number.
Of `2(3)` it makes a mixed number, 5.
"""

import re

_PRIMED = re.compile(r"(?P<letter>[A-Za-z])(?P<marks>'+)")
_NAMED = r"\\(?:text|begin|end|operatorname|math[a-z]+)\s*\{[^{}]*\}"  # whose letters are no names
_TEXT = re.compile(_NAMED)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_GREEK = re.compile(r"\\(?P<letter>Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega)(?![A-Za-z])(?!\s*_)")
# A number in brackets behind another one, which is no index (`\log_2(3)`).
_FACTOR = re.compile(r"(?<=[0-9)])(?<!_[0-9])(?<!_[0-9]{2})\s*(?=\(\s*(?:[0-9]+|\\d?frac\{[0-9]+\}\{[0-9]+\})\s*\))")
_CONSTANTS = {"E", "I"}  # beside e and i, with which they are not mixed up


def both_cases(text: str) -> frozenset[str]:
    """The capital letters of a formula that has the small one, too."""
    letters = set(_COMMAND.sub(" ", _TEXT.sub(" ", text)))
    return frozenset(
        letter for letter in letters if "A" <= letter <= "Z" and letter.lower() in letters and letter not in _CONSTANTS
    )


def told_apart(text: str, capitals: frozenset[str]) -> str:
    r"""A formula whose marks are a part of the names: `f_{prime}` for `f'`, and `R_{upper}` for a capital letter."""
    text = _FACTOR.sub(r"\\cdot ", text)
    text = _PRIMED.sub(lambda found: found["letter"] + "_{" + "prime" * len(found["marks"]) + "}", text)
    text = _GREEK.sub(r"\\\g<letter>_{upper}", text)
    if not capitals:
        return text
    capital = "[" + "".join(sorted(capitals)) + "]"
    name = re.compile(
        rf"(?P<kept>{_NAMED}|\\[A-Za-z]+)|(?P<below>_?)(?P<letter>{capital})"
        r"(?:\s*_\s*(?:(?P<sign>[0-9A-Za-z])|\{(?P<index>[^{}]*)\}))?"
    )
    return name.sub(_upper, text)


def _upper(found: re.Match[str]) -> str:
    if found["kept"]:
        return found.group()
    index = " " + (found["sign"] or found["index"]) if found["sign"] or found["index"] else ""
    named = f"{found['letter']}_{{upper{index}}}"
    return f"_{{{named}}}" if found["below"] else named
