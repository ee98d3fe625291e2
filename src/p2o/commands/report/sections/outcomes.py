"""Kinds of outcomes of training rollouts, bare and templated."""

from collections import Counter
from collections.abc import Sequence

from p2o.commands.report.blocks import Block, Figure, Figures, Missing, Section
from p2o.commands.report.charts import bar_chart
from p2o.commands.report.runs import Run, per_run
from p2o.types import Outcome

NOTE = (
    "no_answer: no boxed answer; truncated: the length limit came first; timeout and error: the grader has no "
    "verdict, which is not a wrong answer."
)


def outcomes(runs: Sequence[Run]) -> Section:
    """Shows the shares of outcomes for bare and for templated rollouts of each run."""
    return Section(
        "outcomes",
        "Outcomes",
        "When a rollout fails, is the answer wrong, missing, cut off, or not graded at all?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    figures = [figure for templated in (False, True) for figure in _outcome_shares(run, templated)]
    if not figures:
        return [Missing("No questions/epoch-N.parquet: p2o fit writes it unless question_log.enabled is false.")]
    return [
        Figures(figures),
    ]


def _outcome_shares(run: Run, templated: bool) -> list[Figure]:
    counts = {
        epoch: Counter(
            outcome
            for record in records
            for template, outcome in zip(record.templates, record.outcomes, strict=True)
            if bool(template) == templated
        )
        for epoch, records in sorted(run.questions.items())
    }
    counts = {epoch: count for epoch, count in counts.items() if count}
    if not counts:
        return []
    shares = {str(kind): [count[kind] / count.total() for count in counts.values()] for kind in Outcome}
    title = f"{'Templated' if templated else 'Bare'} training rollouts"
    return [bar_chart(title, list(counts), shares, "epoch", "share of rollouts", percent=True)]
