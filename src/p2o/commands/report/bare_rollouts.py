"""What the question log says of an epoch's rollouts with a template, and of those without."""

from collections.abc import Sequence
from statistics import fmean

from p2o.run_folder.question_record import QuestionRecord


def templated_share(records: Sequence[QuestionRecord]) -> float:
    """The share of an epoch's rollouts that were sampled under a template; 0 without a question log."""
    templates = [template for record in records for template in record.templates]
    return sum(map(bool, templates)) / len(templates) if templates else 0.0


def bare_accuracies(before: Sequence[QuestionRecord], after: Sequence[QuestionRecord]) -> tuple[float, float] | None:
    """Accuracies of the bare rollouts of two epochs, over the questions that both asked bare; None if there is none."""
    first, last = _of_question(before), _of_question(after)
    both = first.keys() & last.keys()
    return (fmean(first[id] for id in both), fmean(last[id] for id in both)) if both else None


def _of_question(records: Sequence[QuestionRecord]) -> dict[str, float]:
    found = {}
    for record in records:
        pairs = zip(record.templates, record.outcomes, strict=True)
        if bare := [outcome == "correct" for template, outcome in pairs if not template]:
            found[record.id] = fmean(bare)
    return found
