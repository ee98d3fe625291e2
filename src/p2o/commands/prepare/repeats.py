"""Leaves out questions that repeat another one, or one of an evaluation set."""

from collections import Counter
from collections.abc import Iterable, Sequence

from p2o.commands.prepare.left_out import LeftOut, Sifted
from p2o.questions.overlap import COMMON, condensed, key, ngrams
from p2o.types import Question


def leave_out_duplicates(questions: Iterable[Question]) -> Sifted:
    """Keeps the first of equal questions; the others are reported with what they repeat.

    Equal are questions with one key and one answer, and, whatever their answers, those with one condensed text.
    """
    first: dict[tuple[str, str], Question] = {}
    kept, left_out = [], []
    for question in questions:
        names = (key(question.text), question.answer.strip()), (condensed(question.text), "")
        if known := next((first[name] for name in names if name in first), None):
            answers = "" if known.answer == question.answer else f", with another answer: {known.answer!r:.80}"
            left_out.append(LeftOut(question.id, "duplicate", f"of {known.id}{answers}"))
        else:
            kept.append(question)
            first |= dict.fromkeys(names, question)
    return kept, left_out


def leave_out_overlap(questions: Iterable[Question], evaluation: Sequence[Question]) -> Sifted:
    """Leaves out questions of an evaluation set: equal keys, or a run of 13 words in common.

    Runs that more than 10 questions of the data have are common phrases and say nothing about an overlap.
    """
    data = list(questions)
    keys = {key(question.text): question for question in evaluation}
    runs = {run: question for question in evaluation for run in ngrams(question.text)}
    shared = [[run for run in dict.fromkeys(ngrams(question.text)) if run in runs] for question in data]
    uses = Counter(run for common in shared for run in common)
    kept, left_out = [], []
    for question, common in zip(data, shared, strict=True):
        if same := keys.get(key(question.text)):
            left_out.append(LeftOut(question.id, "in an evaluation set", same.origin))
        elif telling := next((run for run in common if uses[run] <= COMMON), None):
            detail = f"{runs[telling].origin}: {' '.join(telling)}"
            left_out.append(LeftOut(question.id, "13-gram of an evaluation set", detail))
        else:
            kept.append(question)
    return kept, left_out
