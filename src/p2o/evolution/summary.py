"""An evolution's figures: as the console shows them, and as they are logged."""

from typing import Any

from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.endpoints.usage import ZERO_USAGE, Usage
from p2o.policy.checkpoints.place import logged_step


def log_report(report: dict[str, Any], trainer: Trainer) -> None:
    """Prints the report of an evolution, and hands its figures to every logger of the run."""
    rank_zero_info("\n".join(console_summary(report)))
    for logger in trainer.loggers:
        logger.log_metrics(metrics(report), logged_step(trainer))


def console_summary(report: dict[str, Any]) -> list[str]:
    """A line for the search, and one for what each reflector that made calls did and cost."""
    search = (
        f"evolution after epoch {report['epoch']}: {report['iterations']} iterations, {report['spent']} of "
        f"{report['budget']} rollouts, pool {report['pool']}, bank {report['bank']}, rejected proposals: "
        f"{_counts(report['rejections'])}; best: {report['best_template'][:100]!r}; ended: {report['stopped']}"
    )
    return [
        search,
        *_cover_line(report),
        *(_ledger_line(name, usage, report) for name, usage in report["reflection"].items() if usage["calls"]),
    ]


def _cover_line(report: dict[str, Any]) -> list[str]:
    """What the bank covers, where later stages than the search say more of it."""
    stages = [stage for stage in report["stages"] if stage != "search"]
    if not stages:
        return []
    spent = ", ".join(f"{report['stages'][stage]['rollouts']} rollouts to {stage}" for stage in stages)
    again = f" ({report['lucky_hits']} of {report['drawn_again']} lucky)" if report["drawn_again"] else ""
    return [
        f"cover: {report['covered']} of {report['dev']} dev questions, {report['single_solvers']} of them by one "
        f"template alone{again}; searched on {report['screen']}, {spent}"
    ]


def _ledger_line(reflector: str, usage: dict[str, Any], report: dict[str, Any]) -> str:
    parts = [
        f"{usage['calls']} calls, {usage['retries']} retries, failed attempts: {_counts(usage['failures'])}",
        f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens",
        f"{usage['seconds']:.1f} s",
    ]
    parts += [f"money {usage['money']:.4f}"] if usage["money"] else []
    parts += [f"{report['distinct_share']:.0%} distinct"] if report["distinct_share"] is not None else []
    parts += [f"mean similarity {report['similarity']:.2f}"] if report["similarity"] is not None else []
    return f"reflection by {reflector}: {'; '.join(parts)}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in counts.items()) or "none"


_OF_SEARCH = ("spent", "pool", "bank", "best_dev_score", "seed_dev_score")
_OF_COVER = ("covered", "single_solvers", "drawn_again", "lucky_hits")
_OF_REFLECTION = ("distinct_share", "similarity")


def metrics(report: dict[str, Any]) -> dict[str, float]:
    """By name; what there is no figure of is left out."""
    found = {f"evolution/{name}": report[name] for name in (*_OF_SEARCH, *_OF_COVER)}
    found |= {f"evolution/spent/{stage}": figures["rollouts"] for stage, figures in report["stages"].items()}
    found |= {f"reflection/{name}": report[name] for name in _OF_REFLECTION}
    found |= {f"reflection/rejected/{_name(cause)}": count for cause, count in report["rejections"].items()}
    if report["reflection"]:  # of several reflectors, since a resumed evolution may have another one, together
        usage = sum((Usage(**usage) for usage in report["reflection"].values()), ZERO_USAGE).plain()
        found |= {f"reflection/{name}": value for name, value in usage.items() if name != "failures"}
        found |= {f"reflection/failed/{_name(cause)}": count for cause, count in usage["failures"].items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _name(cause: str) -> str:
    return cause.replace(": ", "/").replace(" ", "_")
