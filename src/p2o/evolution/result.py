"""A finished evolution: what it was given, what it found, how different its templates were, what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from p2o.endpoints.usage import Usage
from p2o.evolution.history import History, Stage
from p2o.evolution.proposals.novelty import REPEATED
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.settings import EvolutionSettings
from p2o.prompts.set_cover import solves
from p2o.prompts.templates import TemplateBank


@dataclass(frozen=True)
class EvolutionResult:
    """What the evolution after an epoch leaves behind.

    Args:
        epoch: The epoch it followed.
        train: Ids of the questions that were reflected on.
        dev: Ids of the questions that templates were scored on, V.
        settings: Budget and sizes.
        history: Every candidate and iteration.
        bank: The greedy set cover of the pool; after a failure the old templates, which the run goes on with.
        stopped: Why it ended.
        seconds: Wall clock.
        tokens: Of completions ("evolution") and of the reflector's replies ("reflection").
        usages: What reflection cost, by reflector.
        failure: Why reflection could not go on; "" if the search came to its own end.
        screen: How many of the dev questions, the first ones, every template was scored on.
        single_solvers: Dev questions that one template alone solves.
    """

    epoch: int
    train: tuple[str, ...]
    dev: tuple[str, ...]
    settings: EvolutionSettings
    history: History
    bank: TemplateBank
    stopped: str
    seconds: float
    tokens: dict[str, int]
    usages: dict[str, Usage]
    failure: str = ""
    screen: int = 0
    single_solvers: int = 0

    @classmethod
    def of(
        cls,
        search: EvolutionSearch,
        epoch: int,
        seconds: float,
        tokens: dict[str, int],
        usages: dict[str, Usage],
        failure: str,
        last_bank: TemplateBank,
    ) -> "EvolutionResult":
        """What a search found that has ended, or that a `failure` of reflection ended: then the last bank stays.

        What the last bank covers was measured on the dev questions of another evolution, so it is left out.
        """
        return cls(
            epoch=epoch,
            train=tuple(question.id for question in search.train),
            dev=tuple(question.id for question in search.dev),
            settings=search.settings,
            history=search.history,
            bank=TemplateBank(last_bank.templates) if failure else search.bank,
            stopped=failure or str(search.stop_reason),
            seconds=seconds,
            tokens=tokens,
            usages=usages,
            failure=failure,
            screen=len(search.screen),
            single_solvers=len(search.schedule.single_solvers),
        )

    def report(self) -> dict[str, Any]:
        """The figures of it, in plain types."""
        history = self.history
        return {
            "epoch": self.epoch,
            "train": len(self.train),
            "dev": len(self.dev),
            "budget": self.settings.budget,
            "spent": history.spent,
            "screen": self.screen,
            "stages": stages(history),
            "iterations": stages(history).get(str(Stage.SEARCH), {}).get("iterations", 0),
            "pool": len(history.pool),
            "bank": len(self.bank),
            "covered": len(self.bank.solvers),
            "single_solvers": self.single_solvers,
            **second_draws(history),
            "best_dev_score": max((candidate.dev_score for candidate in history.pool), default=None),
            "seed_dev_score": history.pool[0].dev_score if history.pool else None,
            "best_template": self.bank.best.text if self.bank.best else "",
            "rejections": dict(history.rejections),
            "stopped": self.stopped,
            "seconds": round(self.seconds, 2),
            "tokens": self.tokens,
            "distinct_share": distinct_share(history),
            "similarity": mean_similarity(history),
            "reflection": {reflector: usage.plain() for reflector, usage in self.usages.items()},
        }


def stages(history: History) -> dict[str, dict[str, int]]:
    """Iterations and rollouts of each stage that the evolution went through.

    The search begins by scoring the seeds, which is no iteration and costs rollouts all the same.
    """
    return {
        str(stage): {
            "iterations": len(iterations) - (stage is Stage.SEARCH),
            "rollouts": sum(iteration.spent for iteration in iterations),
        }
        for stage in Stage
        if (iterations := [iteration for iteration in history.iterations if iteration.stage is stage])
    }


def second_draws(history: History) -> dict[str, int | None]:
    """Of the dev questions that one template alone solves: how many were drawn again, and how many were lucky hits.

    None of both if none was drawn again.
    """
    scores = [score for candidate in history.pool for score in candidate.confirmed.values()]
    lucky = sum(not solves(score) for score in scores)
    return {"drawn_again": len(scores) or None, "lucky_hits": lucky if scores else None}


def distinct_share(history: History) -> float | None:
    """Share of usable proposals with a text that was not proposed before, 0-1; None without proposals."""
    tried = sum(iteration.tried for iteration in history.iterations)
    repeated = sum(history.rejections[cause] for cause in REPEATED)
    return tried / (tried + repeated) if tried + repeated else None


def mean_similarity(history: History) -> float | None:
    """Mean similarity of two of the proposed texts, 0-1; None with fewer than two."""
    texts = [candidate.text for candidate in (*history.pool, *history.others) if candidate.parent is not None]
    return pairwise(texts) if len(texts) > 1 else None


def pairwise(texts: Sequence[str]) -> float:
    """Mean over all pairs of the words that both have, as a share of those that either has (Jaccard)."""
    words = [frozenset(text.casefold().split()) for text in texts]
    return fmean(len(left & right) / len(left | right) for left, right in combinations(words, 2))
