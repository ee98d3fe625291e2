"""What the tables of a study say."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isnan
from statistics import fmean, stdev

from p2o.commands.study.definition import Study
from p2o.commands.study.formats import Page, TextTable
from p2o.commands.study.interval import differences, paired_interval
from p2o.commands.study.results import RunResult, spent_before
from p2o.commands.study.rows import StudyRow

NOTHING = "–"
MEASURED = ("validation", "fixed_questions")  # not needed for training
COLUMNS = ("train", "evolution", "reflection")
SMALL = 100  # a further figure below it that is no whole number has two decimals


def make_page(study: Study, rows: Sequence[StudyRow], best: Mapping[str, StudyRow], missing: Sequence[str]) -> Page:
    """Accuracy, cost, and what was tuned.

    Args:
        study: The study.
        rows: Every variant.
        best: Those that the table shows, by name.
        missing: Names of runs that are not done.
    """
    tuned = [row for row in rows if row.variant.tuned]
    tables = [_accuracy(study, best), _curve(study, best), _cost(best)]
    notes = [
        f"mean ± standard deviation over the seeds {', '.join(map(str, study.seeds))}; each run has one thread",
        f"over the run: mean over the rollouts spent, linear between validations; {_target(study)}: rollouts of "
        "training and evolution until the first validation there, and how many seeds came there",
        f"{study.baseline} is the baseline: differences in percentage points, paired by seed and validation "
        "question, with a 95 % interval over both (Student's t)",
        "over the rollouts spent: linear between validations; – where a run has not begun to validate, or has ended",
        "tokens are those of completions, and of reflection's replies where they are known, without what was measured; "
        "prompts are not counted; seconds are the whole run's, with validation",
    ]
    if tuned:
        tables.append(_tuning(study, tuned, best))
        notes.append(_chosen_by(study))
    notes += [
        f"{name} is measured by {row.variant.accuracy}"
        for name, row in best.items()
        if row.variant.accuracy != study.accuracy
    ]
    if missing:
        notes.append(f"MISSING, and counted nowhere: {', '.join(missing)}")
    return Page(study.title or "Comparison", tables, notes)


def _chosen_by(study: Study) -> str:
    if study.tuning_seeds:
        seeds = ", ".join(map(str, study.tuning_seeds))
        return f"tuned values are chosen by the mean over the seeds {seeds}, which nothing else is measured on"
    return "of tuned values the best by its own mean is shown, which favours the method that was tuned"


def _accuracy(study: Study, best: Mapping[str, StudyRow]) -> TextTable:
    base = best[study.baseline]
    names = [metric.removeprefix("validation.").replace(".", "/", 1) for metric in study.metrics]
    header = ["method", "seeds", study.accuracy, "difference", "over the run", "its difference"]
    header.append(_target(study))
    rows = []
    for name, row in best.items():
        done = row.results
        rows.append(
            [
                " ".join(filter(None, [name, row.variant.tuned and f"({row.variant.tuned})"])),
                f"{len(done)} of {len(study.seeds)}",
                mean_percent([float(result.final.mean()) for result in done]),
                _difference(row, base, "final"),
                mean_percent([float(result.curve.mean()) for result in done]),
                _difference(row, base, "curve"),
                _reached(done, study.target),
                *(_figures(done, metric) for metric in study.metrics),
            ]
        )
    return TextTable("Accuracy", [*header, *names], rows)


def _target(study: Study) -> str:
    return f"to {100 * study.target:g} %"


def _cost(best: Mapping[str, StudyRow]) -> TextTable:
    columns: dict[str, Callable[[RunResult], float]] = {
        "rollouts": lambda result: result.summary["rollouts"]["train"] + result.summary["rollouts"]["evolution"],
        "of evolution": lambda result: result.summary["rollouts"]["evolution"],
        "tokens": lambda result: sum(spent_tokens(result).values()),
        "of evolution ": lambda result: result.summary["tokens"]["evolution"],
        "of reflection": lambda result: result.summary["tokens"]["reflection"],
    }
    others = {phase for row in best.values() for result in row.results for phase in spent_tokens(result)} - {*COLUMNS}
    columns |= {f"of {phase}": partial(_tokens_of, phase) for phase in sorted(others)}
    columns["seconds, measuring too"] = lambda result: result.summary["seconds"]
    rows = [
        [name, *(mean_number([column(result) for result in row.results]) for column in columns.values())]
        for name, row in best.items()
    ]
    return TextTable("Cost of a run, what was only measured left out", ["method", *columns], rows)


def spent_tokens(result: RunResult) -> dict[str, int]:
    """Tokens by phase, of all that was needed: hints and a teacher's completions as well."""
    return {phase: count for phase, count in result.summary["tokens"].items() if phase not in MEASURED}


def _tokens_of(phase: str, result: RunResult) -> float:
    return spent_tokens(result).get(phase, 0)


def _curve(study: Study, best: Mapping[str, StudyRow]) -> TextTable:
    """Accuracy at round numbers, up to what the method that spends most has spent in all of its runs."""
    ends = [[spent_before(result.summary["rollout_history"])[-1] for result in row.results] for row in best.values()]
    points = round_steps(max((min(spent) for spent in ends if spent), default=0))
    rows = []
    for name, row in best.items():
        cells = []
        for point in points:
            there = [found for result in row.results if (found := result.accuracy_after(point)) is not None]
            cells.append(mean_percent(there if len(there) == len(row.results) else []))
        rows.append([name, *cells])
    return TextTable(
        "Accuracy over the rollouts of training and evolution", ["method", *(f"{point:,}" for point in points)], rows
    )


def round_steps(end: int) -> range:
    """Multiples up to `end` of the largest 1, 2 or 5 with zeros of which it has five: 5 to 12 of them."""
    steps = (digit * 10**zeros for zeros in range(len(str(end)), -1, -1) for digit in (5, 2, 1))
    step = next((step for step in steps if 5 * step <= end), 1)
    return range(step, end + 1, step)


def _tuning(study: Study, tuned: Sequence[StudyRow], best: Mapping[str, StudyRow]) -> TextTable:
    expected = len(study.tuning_seeds or study.seeds)
    rows = []
    for row in tuned:
        results = row.chosen_by
        rivals = [rival for rival in tuned if rival.variant.row == row.variant.row]
        mark = "best" if all(len(rival.chosen_by) == expected for rival in rivals) else "best so far"
        rows.append(
            [
                f"{row.variant.row} ({row.variant.tuned})",
                mark if best[row.variant.row] is row else "",
                f"{len(results)} of {expected}",
                mean_percent([float(result.final.mean()) for result in results]),
                mean_percent([float(result.curve.mean()) for result in results]),
            ]
        )
    return TextTable("Tuned values", ["method", "", "seeds", study.accuracy, "over the run"], rows)


def _figures(results: Sequence[RunResult], path: str) -> str:
    """A figure of those results that have it, and of how many if others have not."""
    found = [value for result in results if (value := result.figure(path)) is not None]
    if not found:
        return NOTHING
    some = f" ({len(found)} of {len(results)})" if len(found) < len(results) else ""
    if path.startswith("validation.") or path == "goodput":  # the shares that summary.json has
        return mean_percent(found) + some
    whole = not any(value % 1 for value in (*found, fmean(found)))
    return mean_number(found, digits=0 if whole or fmean(found) >= SMALL else 2) + some


def _difference(row: StudyRow, base: StudyRow, of: str) -> str:
    if row is base or not {result.seed for result in row.results} & {result.seed for result in base.results}:
        return NOTHING
    mean, low, high = paired_interval(differences(row.variant.row, row.results, base.results, of))
    interval = "" if isnan(low) else f" ({100 * low:+.1f} to {100 * high:+.1f})"  # one question of one seed has none
    return f"{100 * mean:+.1f}{interval}"


def _reached(results: Sequence[RunResult], target: float) -> str:
    found = [rollouts for result in results if (rollouts := result.rollouts_until(target)) is not None]
    if not results or not found:
        return "never" if results else NOTHING
    return f"{fmean(found):,.0f}" + (f" ({len(found)} of {len(results)})" if len(found) < len(results) else "")


def mean_percent(shares: Sequence[float]) -> str:
    """Shares as "93.8 ± 1.0 %"; one alone has no deviation."""
    if not shares:
        return NOTHING
    deviation = f" ± {100 * stdev(shares):.1f}" if len(shares) > 1 else ""
    return f"{100 * fmean(shares):.1f}{deviation} %"


def mean_number(values: Sequence[float], digits: int = 0) -> str:
    """Numbers as "5,760 ± 12", or with digits; equal ones and one alone have no deviation."""
    if not values:
        return NOTHING
    deviation = f" ± {stdev(values):,.{digits}f}" if len(set(values)) > 1 else ""
    return f"{fmean(values):,.{digits}f}{deviation}"
