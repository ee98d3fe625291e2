"""Balances questions over their kinds of answer within each difficulty, as the released code does for DeepMath.

A kind with n questions gets a share of sqrt(n) / sum of sqrt(n): common kinds are thinned out, rare ones stay whole.
Yes/no questions, which half of all guesses solve, are at most 5 % of what is left.
"""

import math
import random
from collections import defaultdict
from collections.abc import Sequence

from p2o.commands.prepare.answer_types import answer_type
from p2o.commands.prepare.left_out import LeftOut, Sifted
from p2o.seeds import derive_seed
from p2o.types import Question

YES_NO = 0.05


def balance(questions: Sequence[Question], seed: int) -> Sifted:
    """The balanced questions in the order they came, and those that were thinned out."""
    cells: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in questions:
        cells[question.difficulty, answer_type(question.answer)].append(question)
    chosen: set[str] = set()
    for difficulty in dict.fromkeys(question.difficulty for question in questions):
        counts = {kind: len(cell) for (level, kind), cell in cells.items() if level == difficulty}
        for kind, quota in quotas(counts).items():
            chosen |= _draw(cells[difficulty, kind], quota, derive_seed(seed, "balance", difficulty, kind))
    return [q for q in questions if q.id in chosen], [
        LeftOut(q.id, "answer-type balancing", answer_type(q.answer)) for q in questions if q.id not in chosen
    ]


def quotas(counts: dict[str, int]) -> dict[str, int]:
    """How many questions of each kind stay in a difficulty; never more than there are."""
    total = sum(counts.values())
    others = {kind: count for kind, count in counts.items() if kind != "yes_no"}
    weight = sum(math.sqrt(count) for count in others.values())
    plan = {kind: min(count, int(total * (1 - YES_NO) * math.sqrt(count) / weight)) for kind, count in others.items()}
    return plan | {"yes_no": min(counts.get("yes_no", 0), yes_no_room(sum(plan.values())))}


def yes_no_room(others: int) -> int:
    """How many yes/no questions may stand beside so many others."""
    return int(others * YES_NO / (1 - YES_NO))


def _draw(questions: Sequence[Question], count: int, seed: int) -> set[str]:
    return {question.id for question in random.Random(seed).sample(list(questions), min(count, len(questions)))}
