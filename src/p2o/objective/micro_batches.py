"""How rows are cut into mini-batches of questions and micro-batches of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from p2o.distributed.processes import gather
from p2o.logprobs import ScoringPath
from p2o.logprobs.shards import is_sharded
from p2o.objective.rows import Ids, TrainingSample

T = TypeVar("T")
# Times its tokens to which attention may pad the rows of a packed part, each as long as the longest. Rows that share a
# long prompt and are all alike need some; one long row among many short ones would need memory without limit.
SPREAD = 4


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def micro_batches(
    rows: Sequence[TrainingSample],
    needed: Sequence[bool],
    tokens: int,
    path: ScoringPath,
    bare: bool,
    at_least_one: bool,
) -> list[list[int]]:
    """Indices of the needed rows in parts `by_tokens`, their gradient taken under x (`bare`) or x̃.

    `at_least_one` keeps a row that is not needed if there is no other: under DDP every process must take part in the
    gradient exchange.
    """
    kept = [index for index, has_gradient in enumerate(needed) if has_gradient]
    kept = kept or list(range(len(rows)))[: int(at_least_one)]
    pairs = [(rows[index].prompt(bare), rows[index].completion_ids) for index in kept]
    return [[kept[place] for place in part] for part in by_tokens(pairs, tokens, path)]


def equal_passes(policy: nn.Module, passes: int) -> int:
    """How many passes this process must make beyond its own, so that all that share a sharded policy make as many."""
    return max(gather(passes)) - passes if is_sharded(policy) else 0


@dataclass(frozen=True)
class Size:
    """Of some rows: how many, their tokens with a shared prompt once, and their longest prompt, completion and row."""

    rows: int = 0
    tokens: int = 0
    prompt: int = 0
    completion: int = 0
    row: int = 0

    def grown(self, prompt: int, completion: int, shared: bool) -> "Size":
        """With a further row of so many tokens, whose prompt is that of another one or not."""
        return Size(
            self.rows + 1,
            self.tokens + completion + (0 if shared else prompt),
            max(self.prompt, prompt),
            max(self.completion, completion),
            max(self.row, prompt + completion),
        )

    def fits(self, tokens: int, path: ScoringPath) -> bool:
        """Whether the rows take no more than `tokens` tokens in one pass."""
        match path:
            case ScoringPath.PACKED:
                return self.tokens <= tokens and self.rows * self.row <= SPREAD * tokens
            case ScoringPath.PADDED:
                return self.rows * (self.prompt + self.completion) <= tokens
            case ScoringPath.UNPADDED:
                return self.tokens <= tokens


def by_tokens(pairs: Sequence[tuple[Ids, Ids]], tokens: int, path: ScoringPath) -> list[list[int]]:
    """Indices of (prompt, completion) pairs in parts of at most `tokens` tokens; a longer row is a part of its own.

    Rows of one prompt come one after the other. Packed, their prompt counts once in each part; in a padded batch all
    rows count as the longest prompt and the longest completion, which is what it computes and keeps. Questions with the
    longest row first, so that running out of memory shows in the first step and not hours later.
    """
    longest: dict[Ids, int] = {}
    for prompt, completion in pairs:
        longest[prompt] = max(longest.get(prompt, 0), len(prompt) + len(completion))
    rank = {prompt: place for place, prompt in enumerate(sorted(longest, key=lambda prompt: -longest[prompt]))}
    order = sorted(range(len(pairs)), key=lambda index: (rank[pairs[index][0]], -len(pairs[index][1])))
    parts: list[list[int]] = []
    size, seen = Size(), set[Ids]()
    for index in order:
        prompt, completion = pairs[index]
        lengths = len(prompt), len(completion)
        size = size.grown(*lengths, shared=path is ScoringPath.PACKED and prompt in seen)
        if not parts or not size.fits(tokens, path):
            parts.append([])
            size, seen = Size().grown(*lengths, shared=False), set()
        parts[-1].append(index)
        seen.add(prompt)
    return parts
