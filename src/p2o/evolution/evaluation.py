"""What a search asks the policy, and what that costs."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from p2o.evolution.history import History
from p2o.evolution.trials import Graded, MiniBatches
from p2o.types import Question

Evaluate = Callable[[Sequence[tuple[Question, str]], str], Sequence[Graded]]
Pair = tuple[str, str]  # id of a question, text of a template


class Evaluation:
    """Has pairs of a question and a template evaluated, and counts the rollouts that each phase of a step costs.

    Args:
        evaluate: n graded rollouts for each pair, in order; the second argument names the phase.
        completions: n.
        reuse: Whether a pair that the search has paid for is neither asked nor paid for again. That is exact: the
            rollouts of a pair do not depend on when they are asked for. A resumed search asks again, without paying.
        recall: As `evaluate`, for what a resumed search asks again: an earlier process has counted these rollouts.
    """

    def __init__(self, evaluate: Evaluate, completions: int, reuse: bool, recall: Evaluate | None = None) -> None:
        self.evaluate = evaluate
        self.recall = recall or evaluate
        self.completions = completions
        self.reuse = reuse
        self.costs: Counter[str] = Counter()  # of the step, by phase
        self._paid: set[Pair] = set()
        self._kept: dict[Pair, Graded] = {}

    def begin_step(self, paid: Collection[Pair]) -> None:
        """Forgets the costs of the last step; `paid` has the pairs of all steps before."""
        self.costs.clear()
        self._paid = set(paid)

    def __call__(
        self, texts: Sequence[str], batches: Sequence[tuple[Question, ...]], phase: str
    ) -> list[tuple[Graded, ...]]:
        """Each text on its own batch of questions, all in one call, and one more for what a resumed search recalls.

        Raises:
            ValueError: `evaluate` broke its contract: a wrong number of rollouts.
        """
        pairs = [(question, text) for text, batch in zip(texts, batches, strict=True) for question in batch]
        if self.reuse:
            keys = [(question.id, text) for question, text in pairs]
            missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._kept}
            again = {key: pair for key, pair in missing.items() if key in self._paid}
            fresh = {key: pair for key, pair in missing.items() if key not in self._paid}
            for ask, asked in ((self.recall, again), (self.evaluate, fresh)):
                self._kept |= zip(asked, self._ask(ask, list(asked.values()), phase), strict=True)
            new = set(keys) - self._paid
            self._paid |= new
            self.costs[phase] += len(new) * self.completions
            results = [self._kept[key] for key in keys]
        else:
            results = self._ask(self.evaluate, pairs, phase)
            self.costs[phase] += len(pairs) * self.completions
        graded = iter(results)
        return [tuple(islice(graded, len(batch))) for batch in batches]

    def _ask(self, ask: Evaluate, pairs: Sequence[tuple[Question, str]], phase: str) -> list[Graded]:
        results = list(ask(pairs, phase)) if pairs else []
        expected = [self.completions] * len(pairs)
        if (found := [len(graded) for graded in results]) != expected:
            raise ValueError(f"Expected {len(pairs)} tuples of {self.completions} rollouts, got {found}.")
        return results


def paid_pairs(history: History, mini_batches: MiniBatches, screen_ids: Sequence[str]) -> set[Pair]:
    """The pairs that a search with this history has paid for; confirmations, which are other draws, left out."""
    pool, start = history.pool, 0
    paid = {(id, candidate.text) for candidate in pool for id in (*screen_ids, *candidate.cover_scores)}
    for iteration in history.iterations:
        batches = mini_batches.numbered(start, len(iteration.parents))
        texts = [pool[parent].text for parent in iteration.parents]
        paid |= {(question.id, text) for text, batch in zip(texts, batches, strict=True) for question in batch}
        start += len(iteration.parents) + iteration.second_chances
    for candidate in (*pool, *history.others):
        texts = [candidate.text] + ([] if candidate.parent is None else [pool[candidate.parent].text])
        paid |= {(id, text) for id in candidate.mini_batch for text in texts}
    return paid
