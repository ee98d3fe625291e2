"""The hard set over the epochs, from the records alone: a pure function."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from p2o.run_folder.question_record import QuestionRecord


def summarise(epochs: Iterable[Sequence[QuestionRecord]], texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Sizes, comings and goings of the hard set and counts of outcomes: one entry for each epoch, in plain types.

    Args:
        epochs: The records of each epoch, in order.
        texts: The texts of templates by their ids.
    """
    return [entry for entry, _ in entries_and_hard_sets(epochs, texts)]


def entries_and_hard_sets(
    epochs: Iterable[Sequence[QuestionRecord]], texts: Mapping[str, str], before: set[str] | None = None
) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """The entry of each epoch, and the ids of the questions that were hard after it.

    A question that an epoch did not ask stays what it was.

    Args:
        epochs: The records of each epoch, in order.
        texts: The texts of templates by their ids.
        before: The questions that were hard before the first of them; None if nothing was before it.
    """
    for records in epochs:
        last = before or set()
        hard = (last - {record.id for record in records}) | {record.id for record in records if record.hard}
        entry = _entry(records, texts) | {"hard_set": {"questions": len(hard)}}
        if before is not None:
            entry["hard_set"] |= {"entered": len(hard - last), "stayed": len(hard & last), "left": len(last - hard)}
        yield entry, hard
        before = hard


def _entry(records: Sequence[QuestionRecord], texts: Mapping[str, str]) -> dict[str, Any]:
    rollouts = [pair for record in records for pair in zip(record.templates, record.outcomes, strict=True)]
    asked = Counter(template for template, _ in rollouts)
    solved = Counter(template for template, outcome in rollouts if outcome == "correct")
    bare = {"rollouts": asked[""], "correct": solved[""]}
    templated = {"rollouts": asked.total() - asked[""], "correct": solved.total() - solved[""]}
    return {
        "epoch": records[0].epoch,
        "questions": len(records),
        "questions_by_correct": {
            str(number): count for number, count in sorted(Counter(record.correct for record in records).items())
        },
        "questions_by_context": dict(Counter(record.context for record in records)),
        "rollouts_by_context": {"bare": bare, "templated": templated},
        "outcomes": dict(Counter(outcome for _, outcome in rollouts).most_common()),
        "templates": [
            {"id": template, "rollouts": count, "correct": solved[template], "text": texts[template]}
            for template, count in asked.most_common()
            if template
        ],
    }
