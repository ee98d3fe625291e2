"""What the update sees of a rollout, and how rows are cut into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from p2o.types import Rollout, Sample

T = TypeVar("T")


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


def group_rollouts(rollouts: Sequence[Rollout], samples: Sequence[Sample]) -> list[list[Rollout]]:
    """Rollouts in the order of their samples -> one group for each sample."""
    stream = iter(rollouts)
    return [[next(stream) for _ in sample.templates] for sample in samples]


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def micro_batches(rows: Sequence[Row], needed: Sequence[bool], size: int, at_least_one: bool) -> list[list[int]]:
    """Indices of the needed rows in parts of `size`, longest rows first.

    Longest first, so that running out of memory shows in the first step and not hours later. `at_least_one` keeps a
    row that is not needed if there is no other: under DDP every process must take part in the gradient exchange.
    """
    kept = [index for index, has_gradient in enumerate(needed) if has_gradient]
    kept = kept or list(range(len(rows)))[: int(at_least_one)]
    kept.sort(key=lambda index: -len(rows[index].prompt_ids) - len(rows[index].completion_ids))
    return [list(part) for part in chunks(kept, size)]
