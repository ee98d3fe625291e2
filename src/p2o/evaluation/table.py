"""The results of an evaluation as a Markdown table, which is readable on a console too."""

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

HEADER = ["benchmark", "questions", "samples", "pass@1", "95 %", "pass@k", "maj@k", "tokens", "truncated"]


def markdown_table(benchmarks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """One line per benchmark and one for their mean."""
    rows = [HEADER, *(_row(name, scores) for name, scores in benchmarks.items())]
    if len(benchmarks) > 1:
        rows.append(["average", "", "", _percent(average(benchmarks)), "", "", "", "", ""])
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"


def average(benchmarks: Mapping[str, Mapping[str, Any]]) -> float:
    """The mean of pass@1 over benchmarks, each counting alike (the paper's average)."""
    return fmean(scores["pass@1"] for scores in benchmarks.values())


def _row(name: str, scores: Mapping[str, Any]) -> list[str]:
    samples = scores["samples"]
    many = samples > 1
    low, high = scores["interval"]
    return [
        name,
        str(scores["questions"]),
        f"{samples} at T = {scores['temperature']}" if many else "greedy",
        _percent(scores["pass@1"]),
        f"{100 * low:.1f}–{100 * high:.1f}",
        f"{_percent(scores['pass@k'][str(samples)])} (k = {samples})" if many else "–",
        _percent(scores["maj@k"]) if many else "–",
        f"{scores['completion_length']:.0f}",
        _percent(scores["truncated"]),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
