"""A finished evolution: what it was given, what it found, what it cost."""

from dataclasses import dataclass
from typing import Any

from p2o.endpoints.usage import Usage
from p2o.evolution.diversity import distinct_share, mean_similarity
from p2o.evolution.records import History
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.settings import EvolutionSettings
from p2o.templates import TemplateBank


@dataclass(frozen=True)
class Evolved:
    """What the evolution after an epoch leaves behind.

    Args:
        epoch: The epoch it followed.
        train: Ids of the questions that were reflected on.
        dev: Ids of the questions that templates were scored on, V.
        settings: Budget and sizes.
        history: Every candidate and iteration.
        bank: The greedy set cover of the pool.
        stopped: Why it ended.
        seconds: Wall clock.
        tokens: Of completions ("evolution") and of the reflector's replies ("reflection").
        usages: What reflection cost, by reflector.
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

    @classmethod
    def of(
        cls,
        search: EvolutionSearch,
        epoch: int,
        seconds: float,
        tokens: dict[str, int],
        usages: dict[str, Usage],
        failure: str,
    ) -> "Evolved":
        """What a search found that has ended, or that a `failure` of reflection ended."""
        return cls(
            epoch=epoch,
            train=tuple(question.id for question in search.train),
            dev=tuple(question.id for question in search.dev),
            settings=search.settings,
            history=search.history,
            bank=search.bank,
            stopped=failure or str(search.stop_reason),
            seconds=seconds,
            tokens=tokens,
            usages=usages,
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
            "iterations": max(0, len(history.iterations) - 1),
            "pool": len(history.pool),
            "bank": len(self.bank),
            "best_dev_score": max((candidate.dev_score for candidate in history.pool), default=None),
            "seed_dev_score": history.pool[0].dev_score if history.pool else None,
            "best_template": self.bank.best.text if self.bank.best else "",
            "refusals": dict(history.refusals),
            "stopped": self.stopped,
            "seconds": round(self.seconds, 2),
            "tokens": self.tokens,
            "distinct_share": distinct_share(history),
            "similarity": mean_similarity(history),
            "reflection": {reflector: usage.plain() for reflector, usage in self.usages.items()},
        }
