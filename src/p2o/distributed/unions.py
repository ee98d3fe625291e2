"""What all processes have seen, put together; each function names the rule for what several of them have.

Every process must call them equally often, and gets the same result. A process that is alone gets its own back.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from p2o.distributed.processes import gather

K = TypeVar("K")
V = TypeVar("V")


def first_rank_wins(mine: Mapping[K, V]) -> dict[K, V]:
    """The entries of all processes; of a key that several have, the value of the lowest rank holds.

    Lightning's sampler pads the last step with questions that another process has as well: those count once.
    """
    joined: dict[K, V] = {}
    for theirs in gather(dict(mine)):
        for key, value in theirs.items():
            joined.setdefault(key, value)
    return joined


def concatenated(mine: Sequence[V]) -> list[V]:
    """The items of all processes one after the other, in order of their rank."""
    return [item for theirs in gather(list(mine)) for item in theirs]


def summed(mine: Mapping[K, int]) -> dict[K, int]:
    """The counts of all processes added up by key."""
    total: dict[K, int] = {}
    for theirs in gather(dict(mine)):
        for key, count in theirs.items():
            total[key] = total.get(key, 0) + count
    return total
