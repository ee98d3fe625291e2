"""What two texts have in common: keys, runs of words, and texts without blanks."""

import re
from collections.abc import Iterator

WORDS = 13  # of an n-gram
COMMON = 10  # a run of words in more questions of the data is a phrase ("where m and n are relatively prime ...")

_WORD = re.compile(r"[^\W_]+")


def key(text: str) -> str:
    """A text without all but its letters and digits, in lower case."""
    return "".join(_WORD.findall(text.casefold()))


def ngrams(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of `WORDS` words; none in shorter texts."""
    words = _WORD.findall(text.casefold())
    return (tuple(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1))


def condensed(text: str) -> str:
    """A text without blanks, in lower case: signs stay, and 1 + x is not 1 - x."""
    return "".join(text.casefold().split())
