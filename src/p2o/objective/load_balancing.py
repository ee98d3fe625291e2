"""Deals the rows of all processes out anew, so that each has about as many tokens to pass."""

from collections.abc import Sequence

from p2o.distributed.processes import gather, rank
from p2o.objective.rows import TrainingSample


def balanced(rows: Sequence[TrainingSample], needed: Sequence[bool], bare: bool) -> Sequence[TrainingSample]:
    """The rows that this process passes of a mini-batch that all processes have a part of.

    Groups without signal come by chance, and a process that has many of them would wait for the others. What is dealt
    out are the needed rows, those of a prompt together; a process that gets none keeps one of its own that nobody
    needs, since all must take part in the gradient exchange. A process that is alone keeps what it has.

    Args:
        rows: This process's.
        needed: Whether each has a gradient.
        bare: Whether it is taken under x.
    """
    groups: dict[tuple[int, ...], list[TrainingSample]] = {}
    for row, has_gradient in zip(rows, needed, strict=True):
        if has_gradient:
            groups.setdefault(row.prompt(bare), []).append(row)
    everyone = gather(list(groups.values()))
    if len(everyone) == 1:
        return rows
    tokens = [
        [sum((len(r.completion_ids) for r in group), len(group[0].prompt(bare))) for group in own] for own in everyone
    ]
    mine = [row for owner, number in deal(tokens)[rank()] for row in everyone[owner][number]]
    return mine or [row for row, has_gradient in zip(rows, needed, strict=True) if not has_gradient][:1]


def deal(tokens: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """Which groups each process takes, as (owner, number) in this order: the largest first, to whoever has least.

    Among those who have equally little the owner comes first: a process without any has not given one away.

    Args:
        tokens: Of the groups of each process.
    """
    order = sorted(
        ((size, owner, number) for owner, sizes in enumerate(tokens) for number, size in enumerate(sizes)),
        key=lambda group: (-group[0], *group[1:]),
    )
    load, taken = [0] * len(tokens), [list[tuple[int, int]]() for _ in tokens]
    for size, owner, number in order:
        taker = min(range(len(load)), key=lambda process: (load[process], process != owner, process))
        load[taker] += size
        taken[taker].append((owner, number))
    return [sorted(groups) for groups in taken]
