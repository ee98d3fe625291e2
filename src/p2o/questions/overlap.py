"""What two texts have in common: keys, runs of words, and texts without blanks."""

import re
from collections.abc import Iterator

WORDS = 13  # of an n-gram
COMMON = 10  # a run of words in more questions of the data is a phrase ("where m and n are relatively prime ...")

# Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """The words of a text in lower case; of scripts that put no blanks between words, each sign."""
    return _WORD.findall(text.casefold())


def key(text: str) -> str:
    """A text without all but its letters and digits, in lower case."""
    return "".join(words(text))


def ngrams(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of `WORDS` words; none in shorter texts."""
    found = words(text)
    return (tuple(found[start : start + WORDS]) for start in range(len(found) - WORDS + 1))


def condensed(text: str) -> str:
    """A text without blanks, in lower case: signs stay, and 1 + x is not 1 - x."""
    return "".join(text.casefold().split())
