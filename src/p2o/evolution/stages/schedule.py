"""Which stage comes next, what it may spend, and what the templates found so far are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from p2o.evolution.history import History, Stage
from p2o.evolution.settings import EvolutionSettings
from p2o.evolution.stages.confirmation import known_scores, single_solvers, without_lucky_hits
from p2o.evolution.stages.cover_stage import CoverStage
from p2o.prompts.set_cover import cover_known
from p2o.prompts.templates import TemplateBank


@dataclass(frozen=True)
class Schedule:
    """Search and cover take turns in rounds, each with its shares of what is left; a confirmation comes last.

    The search may spend what is left of the budget but the cover's share. The cover goes on until everything is solved
    or asked, and what it leaves is the next round's. While there is nothing to cover, the search may spend everything.

    Args:
        settings: Budget, sizes and stages.
        history: All that happened so far: what comes next depends on nothing else.
        dev_ids: Ids of the dev questions; the first ones are the screen.
        screen_size: v, how many of them.
    """

    settings: EvolutionSettings
    history: History
    dev_ids: Sequence[str]
    screen_size: int

    @property
    def budget(self) -> int:
        """Rollouts of search and cover: the budget less one draw of each dev question if lucky hits are confirmed."""
        reserved = len(self.dev_ids) * self.settings.completions if self.settings.confirm != "never" else 0
        return self.settings.budget - reserved

    @property
    def cover(self) -> CoverStage:
        """What is left to cover."""
        return CoverStage(self.history.pool, self.dev_ids, self.screen_size, self.settings.completions)

    @property
    def search_limit(self) -> int:
        """Rollouts that may be spent when the search gives way to the cover."""
        nothing_beyond = len(self.dev_ids) <= self.screen_size
        if nothing_beyond or (self.history.pool and not self.cover.pending):
            return self.budget
        ends = [number for number, one in enumerate(self.history.iterations, 1) if one.stage is Stage.COVER]
        start = sum(iteration.spent for iteration in self.history.iterations[: ends[-1] if ends else 0])
        left = self.budget - start
        return start + left - int(self.settings.cover_share * left)

    def next_stage(self, search_goes_on: bool) -> Stage | None:
        """The stage of the next iteration; None if there is none.

        Args:
            search_goes_on: Whether the search has a next iteration within its limit.
        """
        last = self.history.iterations[-1].stage if self.history.iterations else Stage.SEARCH
        if last is Stage.CONFIRM:
            return None
        covers = self.cover.affordable(self.budget - self.history.spent)
        if covers and (last is Stage.COVER or not search_goes_on):
            return Stage.COVER
        if search_goes_on:
            return Stage.SEARCH
        return Stage.CONFIRM if self.settings.confirm != "never" and self.single_solvers else None

    @property
    def single_solvers(self) -> dict[str, int]:
        """Dev questions that one template of the pool alone solves, with its index."""
        return single_solvers(self.history.pool, self.dev_ids[: self.screen_size])

    @property
    def bank(self) -> TemplateBank:
        """The greedy set cover of the dev questions by the pool; weights are means over the screen, which all know."""
        pool = self.history.pool
        scores = [known_scores(candidate, self.dev_ids[: self.screen_size]) for candidate in pool]
        if self.settings.confirm == "drop":
            scores = [without_lucky_hits(row, one.confirmed) for row, one in zip(scores, pool, strict=True)]
        texts, weights = [candidate.text for candidate in pool], [candidate.dev_score for candidate in pool]
        return cover_known(texts, weights, self.dev_ids, scores, self.settings.credit)
