"""The rows of a study's table: variants with their finished runs, the best of those that were tuned."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from p2o.commands.study.definition import Variant
from p2o.commands.study.fits import Fit
from p2o.commands.study.results import RunResult, read_result


@dataclass(frozen=True)
class VariantRuns:
    """A variant and its runs, one for each seed, done or not."""

    variant: Variant
    fits: Sequence[Fit]


@dataclass(frozen=True)
class StudyRow:
    """A variant and the results of those of its runs that are done."""

    variant: Variant
    results: Sequence[RunResult]

    @property
    def mean(self) -> float:
        """Mean accuracy at the end; below all others if nothing is done."""
        return fmean(float(result.final.mean()) for result in self.results) if self.results else -1.0


def read_row(runs: VariantRuns) -> StudyRow:
    """What is done of a runs."""
    return StudyRow(runs.variant, [read_result(fit, runs.variant.accuracy) for fit in runs.fits if fit.done])


def best_rows(rows: Sequence[StudyRow]) -> dict[str, StudyRow]:
    """The row of each name: of tuned values the best by its own mean, of a tie the first."""
    best: dict[str, StudyRow] = {}
    for row in rows:
        name = row.variant.row
        if name not in best or row.mean > best[name].mean:
            best[name] = row
    return best
