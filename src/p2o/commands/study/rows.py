"""The rows of a study's table: variants with their finished runs, the best of those that were tuned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from p2o.commands.study.definition import Variant
from p2o.commands.study.fits import Fit
from p2o.commands.study.results import RunResult, read_result


@dataclass(frozen=True)
class VariantRuns:
    """A variant and its runs, one for each seed, done or not; `tuning` are those of the tuning seeds, if it has any."""

    variant: Variant
    fits: Sequence[Fit]
    tuning: Sequence[Fit] = ()


@dataclass(frozen=True)
class StudyRow:
    """A variant and the results of its runs that are done; `tuning`: by which it is chosen, if not by `results`."""

    variant: Variant
    results: Sequence[RunResult]
    tuning: Sequence[RunResult] | None = None

    @property
    def mean(self) -> float:
        """Mean accuracy at the end, by which it is chosen; below all others if nothing is done."""
        chosen_by = self.results if self.tuning is None else self.tuning
        return fmean(float(result.final.mean()) for result in chosen_by) if chosen_by else -1.0


def read_row(runs: VariantRuns) -> StudyRow:
    """What is done of a variant's runs."""
    tuning = _read(runs.variant, runs.tuning) if runs.tuning else None
    return StudyRow(runs.variant, _read(runs.variant, runs.fits), tuning)


def _read(variant: Variant, fits: Sequence[Fit]) -> list[RunResult]:
    return [read_result(fit, variant.accuracy) for fit in fits if fit.done]


def chosen(variants: Sequence[VariantRuns]) -> Iterator[VariantRuns]:
    """Those whose runs the table needs: of values that are tuned on their own seeds, the best, once that is known."""
    untuned = {each.variant.row for each in variants if not all(fit.done for fit in each.tuning)}
    best = best_rows([read_row(each) for each in variants if each.tuning and each.variant.row not in untuned])
    for each in variants:
        if not each.tuning or (each.variant.row in best and best[each.variant.row].variant == each.variant):
            yield each


def best_rows(rows: Sequence[StudyRow]) -> dict[str, StudyRow]:
    """The row of each name: of tuned values the best by its own mean, of a tie the first."""
    best: dict[str, StudyRow] = {}
    for row in rows:
        name = row.variant.row
        if name not in best or row.mean > best[name].mean:
            best[name] = row
    return best
