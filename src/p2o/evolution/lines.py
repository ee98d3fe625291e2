"""An evolution's report, as the console shows it."""

from typing import Any


def lines(report: dict[str, Any]) -> list[str]:
    """A line for the search, and one for what each reflector that made calls did and cost."""
    search = (
        f"evolution after epoch {report['epoch']}: {report['iterations']} iterations, {report['spent']} of "
        f"{report['budget']} rollouts, pool {report['pool']}, bank {report['bank']}, refused: "
        f"{_counts(report['refusals'])}; best: {report['best_template'][:100]!r}; ended: {report['stopped']}"
    )
    return [
        search,
        *(_ledger_line(name, usage, report) for name, usage in report["reflection"].items() if usage["calls"]),
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
