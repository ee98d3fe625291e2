"""How questions move into and out of the hard set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from p2o.run_folder.question_record import QuestionRecord


@dataclass(frozen=True)
class Flow:
    """What became of the hard set in an epoch, in questions.

    Args:
        entered: Hard now and not before.
        stuck: Hard before and now; a question that the epoch did not ask stays what it was.
        left_bare: Hard before and not now, and their bare rollouts alone were correct as often as τ of K asks.
        left_helped: Hard before and not now, but not by bare rollouts.
    """

    entered: int
    stuck: int
    left_bare: int
    left_helped: int


def flows(epochs: Mapping[int, Sequence[QuestionRecord]], threshold: Fraction) -> dict[int, Flow]:
    """What became of the hard set at τ/K in each epoch; in the first one, all that is hard has entered."""
    found: dict[int, Flow] = {}
    last: set[str] = set()
    for epoch, records in sorted(epochs.items()):
        now = last - {record.id for record in records} | {record.id for record in records if record.hard}
        left = [record for record in records if record.id in last - now]
        bare = sum(solved_bare(record, threshold) for record in left)
        found[epoch] = Flow(len(now - last), len(now & last), bare, len(left) - bare)
        last = now
    return found


def solved_bare(record: QuestionRecord, threshold: Fraction) -> bool:
    """Whether the share of correct bare rollouts is at least the threshold τ/K; False if there is none."""
    bare = [
        outcome == "correct"
        for template, outcome in zip(record.templates, record.outcomes, strict=True)
        if not template
    ]
    return bool(bare) and sum(bare) >= threshold * len(bare)
