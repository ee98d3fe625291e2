"""What the processes of a distributed run tell one another; a process that is alone tells nobody."""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import torch.distributed
from lightning.pytorch.utilities import rank_zero_only

from p2o.distributed.preemption import Preempted
from p2o.errors import InputError

S = TypeVar("S")
T = TypeVar("T")


def gather(value: T) -> list[T]:
    """The values of all processes, in order of their rank; that of this one alone if there is no other."""
    _, count = _place()
    if count == 1:
        return [value]
    everyone: list[T] = [value] * count
    torch.distributed.all_gather_object(everyone, value)
    return everyone


def rank() -> int:
    """Of this process; 0 if it is alone."""
    return _place()[0]


def is_first() -> bool:
    """Whether this is the first process of its run: by what has launched it, before it knows the others."""
    return int(rank_zero_only.rank) == 0  # type: ignore[attr-defined]  # Lightning sets it on the function


def share(items: Sequence[S], work: Callable[[Sequence[S]], Sequence[T]]) -> list[T]:
    """The results of all items, in order, on every process; each works on a part of its own.

    Every process calls `work` once, with no items if there are fewer of them than processes, so that what the processes
    do together within `work` stays in step.

    Args:
        items: The same on every process. Neighbours mostly stay together: they may share a prefix.
        work: One result for each item, in order.
    """
    place, count = _place()
    part = items[len(items) * place // count : len(items) * (place + 1) // count]
    return [result for results in gather(together(lambda: work(part))) for result in results]


def together(work: Callable[[], T]) -> T:
    """What interruptible work gives, unless a signal has ended it on some process: then it ends on all of them.

    Every process must call it, so that none waits for one that has ended.

    Raises:
        Preempted: On every process.
    """
    result: T
    ended = 0
    try:
        result = work()
    except Preempted as preempted:
        ended = preempted.signal
    if number := max(gather(ended)):
        raise Preempted(number)
    return result


def of_this_process(states: Sequence[T]) -> T | None:
    """The one of gathered states that belongs to this process; None if there were more or fewer processes then."""
    place, count = _place()
    return states[place] if len(states) == count else None


def on_first(make: Callable[[], T]) -> T:
    """What `make` gives on the first process, the only one that calls it, on every process.

    Raises:
        InputError: `make` raised it, on the first process; it is then raised on every one.
    """
    place, count = _place()
    if count == 1:
        return make()
    outcome: list[T | InputError | None] = [None]
    if place == 0:
        try:
            outcome = [make()]
        except InputError as error:
            outcome = [error]
    torch.distributed.broadcast_object_list(outcome, src=0)
    if isinstance(outcome[0], InputError):
        raise outcome[0]
    return cast(T, outcome[0])


def _place() -> tuple[int, int]:
    """The rank of this process, and how many there are."""
    if not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()
