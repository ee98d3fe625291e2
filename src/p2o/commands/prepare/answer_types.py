"""What kind of answer a gold answer is: data sets are balanced over these kinds."""

import re

_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|operatorname)\s*\{([^{}]*)\}")

# The first that matches the whole answer counts.
_KINDS = [
    ("yes_no", r"(?i:yes|no|true|false)"),
    ("multiple_choice", r"\(?[A-Ea-e]\)"),
    ("numeric", _NUMBER),
    ("percentage", rf"{_NUMBER}\s*\\?%"),
    ("numeric_with_unit", rf"\\?\$?{_NUMBER}(?:\s*\^?\s*\\circ|\s*[A-Za-z]{{1,20}}(?:\^\{{?\d\}}?)?)"),
    ("symbol", r"\\[A-Za-z]+|[-+]?(?:\\infty|\\pi|e)|[A-Za-z]"),
    ("interval_or_set", r"[\[(].*,.*[\])](?:\s*\\cup.*)?|\\\{.*\\\}|.*\\(?:cup|cap|mathbb|emptyset|varnothing|in)\b.*"),
    ("vector_or_matrix", r".*\\begin\{[a-z]*(?:matrix|array)\}.*|\\langle.*\\rangle"),
    ("text", r"[A-Za-z][A-Za-z' \-.,]+"),
]
_PATTERNS = [(kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _KINDS]


def answer_type(answer: str) -> str:
    """One of the kinds, "other" if none fits: formulas, fractions."""
    plain = _TEXT.sub(lambda match: match[1], answer.strip().strip("$")).strip().removesuffix(".")
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(plain)), "other")
