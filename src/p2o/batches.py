"""What the update sees of a rollout, and how rows are cut into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from p2o.types import Rollout, Sample

T = TypeVar("T")
Ids = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One completion y with both of its contexts and its advantage."""

    bare_ids: tuple[int, ...]  # x
    prompt_ids: tuple[int, ...]  # x̃ = T(x, z), what y was sampled under; x itself if z is empty
    completion_ids: tuple[int, ...]  # y
    advantage: float  # A
    engine_logps: tuple[float, ...] = ()  # log π(y_t|x̃) by the engine that sampled y; empty if it does not know them
    truncated: bool = False  # whether the length limit cut y off

    def prompt(self, bare: bool) -> tuple[int, ...]:
        """x or x̃."""
        return self.bare_ids if bare else self.prompt_ids


def group_rollouts(rollouts: Sequence[Rollout], samples: Sequence[Sample]) -> list[Sequence[Rollout]]:
    """Rollouts in the order of their samples -> one group for each sample."""
    stream = iter(rollouts)
    return [[next(stream) for _ in sample.templates] for sample in samples]


def prompt_numbers(groups: Sequence[Sequence[Rollout]]) -> Tensor:
    """G groups of K rollouts -> [G, K]; equal numbers in a row are rollouts under the same prompt."""
    prompts = [[rollout.prompt_ids for rollout in group] for group in groups]
    return torch.tensor([[group.index(prompt) for prompt in group] for group in prompts])


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def micro_batches(
    rows: Sequence[Row], needed: Sequence[bool], tokens: int, bare: bool, at_least_one: bool
) -> list[list[int]]:
    """Indices of the needed rows in parts `by_tokens`, their gradient taken under x (`bare`) or x̃.

    `at_least_one` keeps a row that is not needed if there is no other: under DDP every process must take part in the
    gradient exchange.
    """
    kept = [index for index, has_gradient in enumerate(needed) if has_gradient]
    kept = kept or list(range(len(rows)))[: int(at_least_one)]
    pairs = [(rows[index].prompt(bare), rows[index].completion_ids) for index in kept]
    return [[kept[place] for place in part] for part in by_tokens(pairs, tokens)]


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
