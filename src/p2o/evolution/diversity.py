"""How different proposed templates are: the paper's authors saw them grow alike late in training."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from p2o.evolution.records import History
from p2o.evolution.sift import IN_POOL, TRIED, TWICE


def distinct_share(history: History) -> float | None:
    """Share of usable proposals with a text that was not proposed before, 0-1; None without proposals."""
    tried = sum(iteration.tried for iteration in history.iterations)
    repeated = sum(history.refusals[cause] for cause in (TRIED, IN_POOL, TWICE))
    return tried / (tried + repeated) if tried + repeated else None


def mean_similarity(history: History) -> float | None:
    """Mean similarity of two of the proposed texts, 0-1; None with fewer than two."""
    texts = [candidate.text for candidate in (*history.pool, *history.others) if candidate.parent is not None]
    return pairwise(texts) if len(texts) > 1 else None


def pairwise(texts: Sequence[str]) -> float:
    """Mean over all pairs of the words that both have, as a share of those that either has (Jaccard)."""
    words = [frozenset(text.casefold().split()) for text in texts]
    return fmean(len(left & right) / len(left | right) for left, right in combinations(words, 2))
