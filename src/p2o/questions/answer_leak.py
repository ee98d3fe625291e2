"""Whether a text gives the answer of one question away."""

import re
import unicodedata

from p2o.types import Question


def gives_away(text: str, question: Question) -> bool:
    """Whether the gold answer stands in a text, between other letters and digits; case and blanks do not matter.

    It is strict: an answer such as 5 also stands in a list that counts to five. Fit for a hint to one question, not for
    a template to many (`p2o.evolution.proposals.leak_guard`).
    """
    signs = "".join(_plain(question.answer).split())
    if not signs:
        return False
    before = r"(?<![^\W_])" if signs[0].isalnum() else ""
    after = r"(?![^\W_])" if signs[-1].isalnum() else ""
    return re.search(before + r"\s*".join(map(re.escape, signs)) + after, _plain(text)) is not None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
