"""Whether a text gives the answer of one question away."""

import re
import unicodedata

from p2o.types import Question

_DRESSING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[,:;! ]|\$|\\(?=[%{}])")
_WORDS = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|boxed)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|(\d)\s*(\d))")
_THOUSANDS = re.compile(r"(?<=[0-9])(?:,|\{,\}|~| )(?=[0-9]{3}(?![0-9]))")  # 1,234 and 1{,}234 and 1 234
_ZEROS = re.compile(r"(?<=[0-9])(?:\.0+|(?P<kept>\.[0-9]*[1-9])0+)(?![0-9])")  # 27.0 and 0.50
_BLANK = re.compile(r"(?<![^\W_])\s+|\s+(?![^\W_])")  # not between words
_LABEL = re.compile(r"[A-Za-z]=(.+)")  # x=5


def gives_away(text: str, question: Question) -> bool:
    r"""Whether the gold answer stands in a text, between other letters and digits.

    Case, blanks, dollars, `\text` and `\boxed`, separators of thousands, the kind of a fraction, zeros at the end of a
    number and what stands before `=` do not matter. It is strict: an answer such as 5 also stands in a list that counts
    to five. Fit for a hint to one question, not for a template to many (`p2o.evolution.proposals.leak_guard`).
    """
    gold = one_spelling(question.answer)
    label = _LABEL.fullmatch(gold)
    answers = {question.answer, gold, label[1] if label else gold}
    return any(_stands_in(answer, text) or _stands_in(answer, one_spelling(text)) for answer in answers)


def one_spelling(text: str) -> str:
    """A text in one spelling of numbers, fractions and words, without dollars and without blanks beside signs."""
    text = _DRESSING.sub("", " ".join(unicodedata.normalize("NFKC", text).split()))
    while (plain := _WORDS.sub(r"\1", text)) != text:
        text = plain
    text = _FRACTION.sub(lambda found: f"{found[1] or found[3] or ''}/{found[2] or found[4] or ''}", text)
    text = _ZEROS.sub(lambda found: found["kept"] or "", text)
    return _THOUSANDS.sub("", _BLANK.sub("", text))


def _stands_in(answer: str, text: str) -> bool:
    signs = "".join(_plain(answer).split())
    if not signs:
        return False
    before = r"(?<![^\W_])" if signs[0].isalnum() else ""
    after = r"(?![^\W_])" if signs[-1].isalnum() else ""
    return re.search(before + r"\s*".join(map(re.escape, signs)) + after, _plain(text)) is not None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
