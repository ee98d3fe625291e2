"""The rows of a study's table: variants with their finished runs, the best of those that were tuned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from p2o.commands.study.definition import Study, Variant
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
    def chosen_by(self) -> Sequence[RunResult]:
        """What it is chosen by among tuned values."""
        return self.results if self.tuning is None else self.tuning

    @property
    def rank(self) -> tuple[int, float]:
        """The higher the better: a value whose runs have failed must not win by those that have not."""
        accuracies = [float(result.final.mean()) for result in self.chosen_by]
        return len(accuracies), fmean(accuracies or [0.0])


def read_row(runs: VariantRuns) -> StudyRow:
    """What is done of a variant's runs."""
    tuning = _read(runs.variant, runs.tuning) if runs.tuning else None
    return StudyRow(runs.variant, _read(runs.variant, runs.fits), tuning)


def _read(variant: Variant, fits: Sequence[Fit]) -> list[RunResult]:
    return [read_result(fit, variant.accuracy) for fit in fits if fit.done]


def check_figures(study: Study, variants: Sequence[VariantRuns], fit: Fit) -> None:
    """Reads what the tables will say of a run that is done.

    Raises:
        InputError: It has no such figure, or no question of such a difficulty.
    """
    for each in variants:
        if fit in (*each.fits, *each.tuning):
            result = read_result(fit, each.variant.accuracy)
            for metric in study.metrics:
                result.figure(metric)


def chosen(variants: Sequence[VariantRuns]) -> Iterator[VariantRuns]:
    """Those whose runs the table needs: of values that are tuned on their own seeds, the best, once that is known."""
    untuned = {each.variant.row for each in variants if not all(fit.done for fit in each.tuning)}
    best = best_rows([read_row(each) for each in variants if each.tuning and each.variant.row not in untuned])
    for each in variants:
        if not each.tuning or (each.variant.row in best and best[each.variant.row].variant == each.variant):
            yield each


def best_rows(rows: Sequence[StudyRow]) -> dict[str, StudyRow]:
    """The row of each name: of tuned values with as many runs the best by its own mean, of a tie the first."""
    best: dict[str, StudyRow] = {}
    for row in rows:
        name = row.variant.row
        if name not in best or row.rank > best[name].rank:
            best[name] = row
    return best
