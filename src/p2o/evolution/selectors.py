"""Which templates of the pool become parents. A row of `scores` is a template, a column a dev question, a value 0-1."""

import operator
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from statistics import fmean

from p2o.contracts import listed, name_of
from p2o.errors import InputError

Scores = Sequence[Sequence[float]]  # [pool, dev]


class ParentSelector(ABC):
    """Chooses which templates of the pool the next iteration tries to improve."""

    @abstractmethod
    def select(self, scores: Scores, limit: int, rng: random.Random) -> list[int]:
        """Rows of `scores`, 1 to `limit` of them, the same one more than once if need be; random only through `rng`."""


class DominanceSelector(ParentSelector):
    """Every template that no other dominates; if there are too many, draws by mean dev score (the paper's Alg. 4).

    Templates with equal dev scores do not dominate each other and all stay: while nothing is solved, all are parents.
    """

    def select(self, scores: Scores, limit: int, rng: random.Random) -> list[int]:
        """The front, or `limit` of it, drawn without replacement with the mean dev scores as weights."""
        candidates = front(scores)
        drawn = draw_by_weight([fmean(scores[index]) for index in candidates], limit, rng)
        return [candidates[position] for position in drawn]


class BestOrTiedSelector(ParentSelector):
    """Every template that is best or tied on some dev question (the authors' released code).

    Close to a uniform choice: on a question that nobody solves, everyone is tied at 0 and counts as best. So one
    unsolved dev question lets the whole pool in, and each of them adds the same 1 to every weight.
    """

    def select(self, scores: Scores, limit: int, rng: random.Random) -> list[int]:
        """Templates best or tied somewhere, or `limit` of them, weighted by the number of those dev questions."""
        best = [max(column) for column in zip(*scores, strict=True)]
        wins = [sum(score >= top for score, top in zip(row, best, strict=True)) for row in scores]
        candidates = [index for index, count in enumerate(wins) if count]
        drawn = draw_by_weight([wins[index] for index in candidates], limit, rng)
        return [candidates[position] for position in drawn]


class BestSelector(ParentSelector):
    """The template with the highest mean dev score alone, the first of equals: greedy hill climbing."""

    def select(self, scores: Scores, limit: int, rng: random.Random) -> list[int]:
        """The row with the highest mean, alone."""
        return [max(range(len(scores)), key=lambda index: fmean(scores[index]))]


class SeedSelector(ParentSelector):
    """The first template of the pool alone, the empty one, as often as there is room: single-turn reflection.

    Every template is then one reflection away from the bare question, on failures of the bare question, and none is
    ever improved. Budget, comparison, dev scores and set cover stay, so that what is missing is evolution alone.
    """

    def select(self, scores: Scores, limit: int, rng: random.Random) -> list[int]:
        """`limit` times row 0, each for a mini-batch of its own."""
        return [0] * limit


def select_checked(selector: ParentSelector, scores: Scores, limit: int, rng: random.Random) -> list[int]:
    """The rows that a selector chooses, as integers of Python: those of numpy go into no file.

    Raises:
        InputError: There are too few or too many, or one is no row of `scores`; -1 would be the last one.
    """
    place = name_of(selector, "select")
    chosen = listed(place, selector.select(scores, limit, rng), f"1 to {limit} parents")
    if not 1 <= len(chosen) <= limit:
        raise InputError(f"{place}: expected 1 to {limit} parents, got {chosen!r:.200}.")
    try:
        rows = [operator.index(row) for row in chosen]
    except TypeError:
        rows = [-1]
    if min(rows) < 0 or max(rows) >= len(scores):
        raise InputError(f"{place}: expected rows of `scores` from 0 to {len(scores) - 1}, got {chosen!r:.200}.")
    return rows


def front(scores: Scores) -> list[int]:
    """Rows that no other row dominates, ascending."""
    return [index for index, row in enumerate(scores) if not any(dominates(other, row) for other in scores)]


def dominates(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether `left` is nowhere worse than `right` and somewhere better."""
    return left != right and all(a >= b for a, b in zip(left, right, strict=True))


def draw_by_weight(weights: Sequence[float], count: int, rng: random.Random) -> list[int]:
    """`count` different indices, drawn one after the other in proportion to their weights; ascending.

    Indices of weight 0 come only when all others are taken, then with equal chances.
    """
    # Exponential clocks: the order in which clocks of these rates ring is the order of such a sequence of draws.
    rings = [(weight <= 0, rng.expovariate(weight if weight > 0 else 1.0)) for weight in weights]
    return sorted(sorted(range(len(weights)), key=rings.__getitem__)[:count])
