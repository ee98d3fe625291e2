"""The joint objective before and after each half-step."""

from collections.abc import Sequence

from p2o.commands.report.blocks import Block, Figure, Figures, Missing, Section, Text, ValueTable
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.half_steps import half_steps, joint, label, verdicts
from p2o.commands.report.runs import Run, per_run

NOTE = (
    "The joint objective (Eq. 2) is the mean reward of fixed training questions under the templates that they would "
    "carry, the empty one where they are not hard; bare is the same with no template at all. Bars and brackets are "
    "95 % intervals that resample questions, too narrow with fewer than about 30 of them; clear is what they exclude. "
    "Differences are paired by question and "
    "sampled with the same seeds. Evolution also decides anew which questions are hard."
)


def convergence(runs: Sequence[Run]) -> Section:
    """Shows the joint objective of each run, and what every half-step did to it."""
    return Section(
        "convergence",
        "Convergence",
        "Does the alternation of training and evolution improve monotonically, or does it oscillate?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    if len(run.measurements) < 2:
        return [
            Missing(
                "No fixed_questions.json: switch their evaluation on with --fixed_questions.questions 32 or "
                "more; its intervals shrink with the root of the number of questions, its cost grows with it."
            )
        ]
    steps = half_steps(run.measurements)
    count = len(run.measurements[0]["questions"])
    seconds = sum(measurement["seconds"] for measurement in run.measurements)
    return [
        Figures([_objective_by_half_step(run)]),
        *verdicts(steps),
        ValueTable(
            "Half-steps",
            ["half-step", "change of the joint objective [95 %]", "verdict"],
            [[step.name, step.change.signed, step.verdict] for step in steps],
        ),
        Text(
            f"{count} fixed questions; with {len(steps)} half-steps, about {0.05 * len(steps):.1f} would leave their "
            f"interval by chance. They took {seconds:,.0f} s of {run.summary['seconds']:,.0f} s.",
            look="small",
        ),
    ]


def _objective_by_half_step(run: Run) -> Figure:
    lines = []
    for look, (name, context) in enumerate((("joint objective", "mixture"), ("bare", "bare"))):
        means, lows, highs = zip(*(joint(measurement, context) for measurement in run.measurements), strict=True)
        lines.append(Line(name, means, lows, highs, look=look, dashed=bool(look)))
    names = [label(measurement) for measurement in run.measurements]
    return line_chart("Joint objective", names, lines, "after", "mean reward", percent=False)
