"""What an evolution did: for the checkpoint, for the logs and for the console."""

from typing import Any

from p2o.evolution.diversity import distinct_share, mean_similarity
from p2o.evolution.search import EvolutionSearch
from p2o.reflectors.usage import Usage
from p2o.templates import TemplateBank


def report(
    epoch: int, search: EvolutionSearch, bank: TemplateBank, usages: dict[str, Usage], failure: str
) -> dict[str, Any]:
    """The evolution after an epoch, in plain types.

    Args:
        epoch: That epoch.
        search: As it ended.
        bank: What the next epoch draws from.
        usages: What reflection cost, by reflector.
        failure: Why reflection could not go on; "" if it could.
    """
    history = search.history
    return {
        "epoch": epoch,
        "train": len(search.train),
        "dev": len(search.dev),
        "budget": search.settings.budget,
        "spent": history.spent,
        "iterations": max(0, len(history.iterations) - 1),
        "pool": len(history.pool),
        "bank": len(bank),
        "best_dev_score": max((candidate.dev_score for candidate in history.pool), default=None),
        "seed_dev_score": history.pool[0].dev_score if history.pool else None,
        "best_template": bank.best.text if bank.best else "",
        "refusals": dict(history.refusals),
        "distinct_share": distinct_share(history),
        "similarity": mean_similarity(history),
        "reflection": {reflector: usage.plain() for reflector, usage in usages.items()},
        "stopped": failure or str(search.stop_reason),
    }


def metrics(report: dict[str, Any]) -> dict[str, float]:
    """The figures of a report by the names they are logged under; those that there are none of are left out."""
    found = {f"evolution/{name}": report[name] for name in ("spent", "pool", "bank", "best_dev_score", "seed_dev_score")}
    found |= {f"reflection/{name}": report[name] for name in ("distinct_share", "similarity")}
    found |= {f"reflection/refused/{_name(cause)}": count for cause, count in report["refusals"].items()}
    for usage in report["reflection"].values():
        found |= {f"reflection/{name}": value for name, value in usage.items() if name != "failures"}
        found |= {f"reflection/failed/{_name(cause)}": count for cause, count in usage["failures"].items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def lines(report: dict[str, Any]) -> list[str]:
    """A report in a line for the search, and one for each reflector."""
    refusals = _counts(report["refusals"])
    search = (
        f"evolution after epoch {report['epoch']}: {report['iterations']} iterations, {report['spent']} of "
        f"{report['budget']} rollouts, pool {report['pool']}, bank {report['bank']}, refused: {refusals}; "
        f"best: {report['best_template'][:100]!r}"
    )
    return [search, *(_ledger_line(reflector, usage, report) for reflector, usage in report["reflection"].items())]


def _ledger_line(reflector: str, usage: dict[str, Any], report: dict[str, Any]) -> str:
    parts = [
        f"{usage['calls']} calls, {usage['retries']} retries, failed attempts: {_counts(usage['failures'])}",
        f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens",
        f"{usage['seconds']:.1f} s of calls",
    ]
    parts += [f"money {usage['money']:.4f}"] if usage["money"] else []
    parts += [f"distinct {report['distinct_share']:.0%}"] if report["distinct_share"] is not None else []
    parts += [f"similarity {report['similarity']:.2f}"] if report["similarity"] is not None else []
    return f"  {reflector}: " + "; ".join(parts)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in counts.items()) or "none"


def _name(cause: str) -> str:
    return cause.replace(": ", "/").replace(" ", "_")
