r"""What an answer is made of, as far as its signs tell: lists and their brackets, ratios, bases, words, units."""

import re
from dataclasses import dataclass
from typing import Literal

Bracket = Literal["", "set", "(", "[", "(]", "[)"]

# What is between a command's braces or between \begin and \end is in a bracket, too.
_SIGN = re.compile(r"\\begin\{[^{}]*\}|\\end\{[^{}]*\}|\\langle|\\rangle|\\text\{[^{}]*\}|\\.|[()\[\]{}]|.", re.DOTALL)
_AND = re.compile(r"\\text\{[\s,]*(?:and|or|oder|und|ou|et)[\s,]*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])")
_WORD = re.compile(
    r"\(?\\text\{\s*\(?(?P<text>[^\W\d_]+(?:[-' .]+[^\W\d_]+)*)[.\s]*\)?\.?\s*\}\)?"
    r"|\(?(?P<bare>[^\W\d_]+(?:[' ]+[^\W\d_]+)*)[.\s]*\)?\.?"
)
_LABEL = re.compile(r"[A-Za-z]+[0-9][0-9A-Za-z]*")  # A1B2 and x2 are names: a factor stands before its letters
_NUMERAL = re.compile(
    r"(?<![A-Za-z0-9\\_^{.])\(?(?P<digits>[0-9A-Z]*[0-9A-Z])\)?"
    r"_(?:\{\s*(?:\\text\{)?\s*\(?(?P<braced>[0-9]+|[a-z]+)\)?\s*\}?\s*\}|(?P<bare>[0-9]{1,2}))(?![0-9A-Za-z])"
)
_BASES = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_TIME = re.compile(r"[01]?[0-9]|2[0-3]")
_MINUTES = re.compile(r"[0-5][0-9]")


@dataclass(frozen=True)
class Listing:
    """The items of an answer and the bracket around them; "" if they stand for themselves."""

    items: tuple[str, ...]
    bracket: Bracket = ""


def listing(text: str) -> Listing:
    r"""The items of an answer in their order: of `(1,2)` two in round brackets, of `5` one without."""
    bracket, inner = _bracket(text)
    items = split(inner, ";") if bracket == "" else [inner]
    items = items if len(items) > 1 else split(inner, ",;")
    if bracket in ("(", "[") and len(items) < 2:
        return Listing((text,))
    if bracket == "":
        items = [item for part in items for item in split_words(part)]
    items = [signed for item in items for signed in _signs(item.strip()) if signed]
    return Listing(tuple(items), bracket) if items else Listing((text,))


def split(text: str, signs: str) -> list[str]:
    """A text at those of the signs that are in no bracket."""
    parts, depth, start = [], 0, 0
    for found in _SIGN.finditer(text):
        sign = found.group()
        depth += _step(sign)
        if depth == 0 and sign in signs:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def split_words(text: str) -> list[str]:
    """A text at each `and` and `or`, within text or not."""
    return _AND.split(text)


def equation(text: str) -> tuple[str, str]:
    """The first side of an equation and the last; the first is "" where there is no sign of equality."""
    sides = split(text, "=")
    if len(sides) < 2 or any(side.rstrip()[-1:] in ("<", ">", "!", ":") or not side.strip() for side in sides):
        return "", text
    return sides[0].strip(), sides[-1].strip()


def word(text: str) -> str:
    r"""The word or the words that an answer is, in small letters: "yes" for `\text{Yes}`, "b" for `(B)`; else ""."""
    found = _WORD.fullmatch(text)
    if found is None and not _LABEL.fullmatch(text):
        return ""
    words = ((found["text"] or found["bare"]) if found else text).casefold().replace(".", " ").split()
    return ("" if max(map(len, words)) == 1 else " ").join(words)  # letters of a name may stand apart


def ratio(text: str) -> list[str]:
    """The parts of a ratio or a time: `3:4:5` has three; one part if it is neither."""
    return [part.strip() for part in split(text, ":")]


def is_time(parts: list[str]) -> bool:
    """Whether parts are those of a time of the day, such as 3:45: it is no ratio, 6:90 is not equal to it."""
    return bool(_TIME.fullmatch(parts[0])) and all(_MINUTES.fullmatch(part) for part in parts[1:])


def numerals(text: str) -> tuple[list[tuple[str, int]], str]:
    """Digits and base of each numeral with a base in a text, and the text without the bases. Ten is no base to name.

    `23_2` is no numeral in base two, but it is not `23_3` either: a number keeps whatever number stands below it.
    """
    bases: list[tuple[str, int]] = []

    def bare(found: re.Match[str]) -> str:
        name, digits = found["braced"] or found["bare"], found["digits"]
        base = int(name) if name.isdigit() else _BASES.index(name) + 2 if name in _BASES else None
        is_numeral = digits.isdigit() or (base is not None and all(int(digit, 36) < base <= 36 for digit in digits))
        is_letter = len(digits) == 1 and not digits.isdigit()  # A_{12} is a variable
        if base is None or is_letter or not is_numeral:
            return found.group()
        if base != 10:
            bases.append((digits.lstrip("0"), base))
        return digits

    return bases, _NUMERAL.sub(bare, text)


def _step(sign: str) -> int:
    """1 for a sign that opens a bracket, -1 for one that closes it."""
    if sign in ("(", "[", "{", r"\{", r"\langle") or sign.startswith(r"\begin"):
        return 1
    return -1 if sign in (")", "]", "}", r"\}", r"\rangle") or sign.startswith(r"\end") else 0


def _bracket(text: str) -> tuple[Bracket, str]:
    """The bracket around all of a text, and what is in it."""
    kind: Bracket
    match text[:1], text[-1:]:
        case "(", ")":
            kind, inner = "(", text[1:-1]
        case "[", "]":
            kind, inner = "[", text[1:-1]
        case "(", "]":
            kind, inner = "(]", text[1:-1]
        case "[", ")":
            kind, inner = "[)", text[1:-1]
        case _ if text.startswith(r"\{") and text.endswith(r"\}"):
            kind, inner = "set", text[2:-2]
        case _ if text.startswith(r"\langle") and text.endswith(r"\rangle"):
            kind, inner = "(", text[7:-7]
        case _:
            return "", text
    depth = 0
    for found in _SIGN.finditer(inner):  # the first bracket of (1,2),(3,4) is closed before the end
        depth += _step(found.group())
        if depth < 0:
            return "", text
    return kind, inner


def _signs(item: str) -> list[str]:
    r"""The two items of one with `\pm`."""
    if item.count(r"\pm") != 1 or r"\mp" in item:
        return [item]
    before, after = item.split(r"\pm")
    plus = "+" if before.strip()[-1:] not in ("", "=", "{", "(") else ""
    return [(before + plus + after).strip(), f"{before}-{after}".strip()]
