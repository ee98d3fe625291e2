"""Screen, then cover: templates that were scored on a few dev questions are asked the others, if those are unsolved.

A child that is scored on all dev questions costs V rollouts, nine tenths of what evolution spends. With a screen it
costs v of them. The other questions are asked as long as no template has solved them, the strongest templates first: so
a question ends up with a strong solver, and not with whichever came early.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from p2o.evolution.history import Candidate
from p2o.prompts.set_cover import greedy_cover, solves

FULL_CALL = 128  # rollouts with which an engine call is well filled


@dataclass(frozen=True)
class CoverCall:
    """Templates, by their index in the pool, and the dev questions, by their index, that all of them are asked."""

    templates: tuple[int, ...]
    questions: tuple[int, ...]


@dataclass(frozen=True)
class CoverStage:
    """What is left to cover.

    Args:
        pool: Templates, all scored on the screen.
        dev_ids: Ids of the dev questions; the first ones are the screen.
        screen_size: v, how many of them.
        completions: n, of a question under a template.
    """

    pool: Sequence[Candidate]
    dev_ids: Sequence[str]
    screen_size: int
    completions: int

    @property
    def unsolved(self) -> list[int]:
        """Dev questions beyond the screen that no template asked so far solves."""
        solved = {id for candidate in self.pool for id, score in candidate.cover_scores.items() if solves(score)}
        return [index for index in range(self.screen_size, len(self.dev_ids)) if self.dev_ids[index] not in solved]

    @property
    def untried(self) -> list[int]:
        """Templates that were asked nothing beyond the screen: those of the screen's cover first, the rest by score."""
        found = [index for index, candidate in enumerate(self.pool) if not candidate.cover_scores]
        ids = self.dev_ids[: self.screen_size]
        rows = [zip(ids, self.pool[index].dev_scores, strict=True) for index in found]
        first = [found[index] for index in greedy_cover([{id: 1.0 for id, s in row if solves(s)} for row in rows])]
        return first + sorted(set(found) - set(first), key=lambda index: (-self.pool[index].dev_score, index))

    @property
    def pending(self) -> bool:
        """Whether there are both questions and templates left."""
        return any(not candidate.cover_scores for candidate in self.pool) and bool(self.unsolved)

    def affordable(self, left: int) -> bool:
        """Whether so many rollouts pay for one template on the questions that are left."""
        return self.pending and len(self.unsolved) * self.completions <= left

    def next_call(self, left: int) -> CoverCall | None:
        """As many templates as fill an engine call, at least one; None if nothing is left, or no rollouts for one.

        Args:
            left: Rollouts that may be spent.
        """
        if not self.affordable(left):
            return None
        questions = self.unsolved
        cost = len(questions) * self.completions
        count = min(max(1, math.ceil(FULL_CALL / cost)), left // cost)
        return CoverCall(tuple(self.untried[:count]), tuple(questions))
