"""How rows are cut into mini-batches of questions and micro-batches of tokens."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from torch import nn

from p2o.distributed.processes import gather
from p2o.logprobs.shards import is_sharded
from p2o.objective.rows import Ids, TrainingSample

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def micro_batches(
    rows: Sequence[TrainingSample], needed: Sequence[bool], tokens: int, bare: bool, at_least_one: bool
) -> list[list[int]]:
    """Indices of the needed rows in parts `by_tokens`, their gradient taken under x (`bare`) or x̃.

    `at_least_one` keeps a row that is not needed if there is no other: under DDP every process must take part in the
    gradient exchange.
    """
    kept = [index for index, has_gradient in enumerate(needed) if has_gradient]
    kept = kept or list(range(len(rows)))[: int(at_least_one)]
    pairs = [(rows[index].prompt(bare), rows[index].completion_ids) for index in kept]
    return [[kept[place] for place in part] for part in by_tokens(pairs, tokens)]


def equal_passes(policy: nn.Module, passes: int) -> int:
    """How many passes this process must make beyond its own, so that all that share a sharded policy make as many."""
    return max(gather(passes)) - passes if is_sharded(policy) else 0


def by_tokens(pairs: Sequence[tuple[Ids, Ids]], tokens: int) -> list[list[int]]:
    """Indices of (prompt, completion) pairs in parts of at most `tokens` tokens; a longer row is a part of its own.

    Rows of one prompt come one after the other, and in each part their prompt counts once. Questions with the longest
    row first, so that running out of memory shows in the first step and not hours later.
    """
    longest: dict[Ids, int] = {}
    for prompt, completion in pairs:
        longest[prompt] = max(longest.get(prompt, 0), len(prompt) + len(completion))
    rank = {prompt: place for place, prompt in enumerate(sorted(longest, key=lambda prompt: -longest[prompt]))}
    order = sorted(range(len(pairs)), key=lambda index: (rank[pairs[index][0]], -len(pairs[index][1])))
    parts: list[list[int]] = []
    room, seen = 0, set[Ids]()
    for index in order:
        prompt, completion = pairs[index]
        if not parts or len(completion) + (prompt not in seen) * len(prompt) > room:
            parts.append([])
            room, seen = tokens, set()
        parts[-1].append(index)
        room -= len(completion) + (prompt not in seen) * len(prompt)
        seen.add(prompt)
    return parts
