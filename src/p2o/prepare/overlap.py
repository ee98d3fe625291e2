"""Finds questions that repeat another one, or one of an evaluation set."""

import re
from collections.abc import Iterable, Iterator, Sequence

from p2o.prepare.left_out import LeftOut, Sifted
from p2o.types import Question

WORDS = 13  # of an n-gram, as usual since GPT-3

_WORD = re.compile(r"[^\W_]+")


def key(text: str) -> str:
    """A text without all but its letters and digits, in lower case."""
    return "".join(_WORD.findall(text.casefold()))


def ngrams(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of `WORDS` words; none in shorter texts."""
    words = _WORD.findall(text.casefold())
    return (tuple(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1))


def leave_out_duplicates(questions: Iterable[Question]) -> Sifted:
    """Keeps the first of questions with one key; the others are reported with what they repeat."""
    first: dict[str, Question] = {}
    left_out = []
    for question in questions:
        if (known := first.setdefault(key(question.text), question)) is not question:
            answers = "" if known.answer == question.answer else f", with another answer: {known.answer!r:.80}"
            left_out.append(LeftOut(question.id, "duplicate", f"of {known.id}{answers}"))
    return list(first.values()), left_out


def leave_out_overlap(questions: Iterable[Question], evaluation: Sequence[Question]) -> Sifted:
    """Leaves out questions of an evaluation set: equal keys, or a run of 13 words in common."""
    keys = {key(question.text): question for question in evaluation}
    runs = {run: question for question in evaluation for run in ngrams(question.text)}
    kept, left_out = [], []
    for question in questions:
        if same := keys.get(key(question.text)):
            left_out.append(LeftOut(question.id, "in an evaluation set", same.origin))
        elif shared := next((run for run in ngrams(question.text) if run in runs), None):
            detail = f"{runs[shared].origin}: {' '.join(shared)}"
            left_out.append(LeftOut(question.id, "13-gram of an evaluation set", detail))
        else:
            kept.append(question)
    return kept, left_out
