"""Lays prompts out so that what several of them begin with stands there once."""

from collections.abc import Iterable
from itertools import takewhile

Ids = tuple[int, ...]


def share_prefixes(prompts: Iterable[Ids]) -> tuple[list[int], list[int], dict[Ids, list[int]]]:
    """Ids and positions of N tokens, one for each distinct prefix, and where the tokens of each prompt are among them.

    Sorted, a prompt has its longest common prefix with the one right before it: looking further back finds no more.
    """
    ids: list[int] = []
    positions: list[int] = []
    places: dict[Ids, list[int]] = {}
    before: Ids = ()
    for prompt in sorted(set(prompts)):
        shared = _common(before, prompt)
        new = range(len(ids), len(ids) + len(prompt) - shared)
        places[prompt] = [*places.get(before, [])[:shared], *new]
        ids += prompt[shared:]
        positions += range(shared, len(prompt))
        before = prompt
    return ids, positions, places


def _common(one: Ids, other: Ids) -> int:
    """Counts the equal tokens that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
