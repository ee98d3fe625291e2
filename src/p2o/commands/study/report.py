"""The files that a study leaves: its table in three formats, and the figures behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2o.commands.study.definition import Study
from p2o.commands.study.formats import html, latex, markdown
from p2o.commands.study.page import make_page
from p2o.commands.study.results import spent_before
from p2o.commands.study.rows import StudyRow, VariantRuns, best_rows, chosen, read_row
from p2o.io.files import write_json, write_text


def write_report(folder: Path, study: Study, variants: Sequence[VariantRuns]) -> str:
    """Writes table.md, table.tex, table.html and results.json; returns the Markdown."""
    rows = [read_row(each) for each in variants]
    best = best_rows(rows)
    needed = [*(each.tuning for each in variants), *(each.fits for each in chosen(variants))]
    missing = dict.fromkeys(fit.folder.name for fits in needed for fit in fits if not fit.done)
    page = make_page(study, rows, best, list(missing))
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(page)
    write_text(folder / "table.md", text)
    write_text(folder / "table.tex", latex(page))
    write_text(folder / "table.html", html(page))
    figures = [_plain_row(each, row, study, best) for each, row in zip(variants, rows, strict=True)]
    write_json(folder / "results.json", {"rows": figures})
    return text


def _plain_row(variant_runs: VariantRuns, row: StudyRow, study: Study, best: Mapping[str, StudyRow]) -> dict[str, Any]:
    """A row in plain types; runs that are not done are named and have no figures.

    Of the others `correct` says of each epoch which of the `questions` were answered correctly, and `spent` after how
    many rollouts: all that the tables are made of.
    """
    results = {result.seed: result for result in row.results}
    runs = []
    for fit in variant_runs.fits:
        run: dict[str, Any] = {"seed": fit.seed, "folder": str(fit.folder), "done": fit.seed in results}
        if result := results.get(fit.seed):
            run |= {
                "accuracy": float(result.final.mean()),
                "accuracy_over_the_run": float(result.curve.mean()),
                "accuracies": result.correct.mean(dim=1).tolist(),
                "spent": spent_before(result.summary["rollout_history"]),
                "correct": ["".join("1" if right else "0" for right in epoch) for epoch in result.correct.tolist()],
                "rollouts_until_target": result.rollouts_until(study.target),
                **{name: result.summary[name] for name in ("rollouts", "tokens", "seconds")},
                **{metric: result.figure(metric) for metric in study.metrics},
            }
        runs.append(run)
    variant = row.variant
    return {
        "method": variant.row,
        "tuned": variant.tuned,
        "shown": best[variant.row] is row,
        "tuning": {result.seed: float(result.final.mean()) for result in row.tuning or ()},
        "measured": variant.accuracy,
        "questions": [*next((result.questions for result in row.results), ())],
        "runs": runs,
    }
