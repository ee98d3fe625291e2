"""The hard set over the epochs, and how questions moved."""

from collections.abc import Sequence
from fractions import Fraction

from p2o.commands.report.blocks import Block, Figures, Missing, Section, ValueTable
from p2o.commands.report.charts import bar_chart, line_chart
from p2o.commands.report.flows import flows
from p2o.commands.report.runs import Run, per_run
from p2o.commands.report.seeds import seed_groups, seed_line

NOTE = (
    "Hard: fewer than τ of K rollouts correct. Solved bare: the bare rollouts alone were correct at the rate τ/K or "
    "above; a question whose rollouts all carried templates left with help."
)


def hard_set(runs: Sequence[Run]) -> Section:
    """Compares the size of the hard set over the runs, and shows what entered and left it in each."""
    epochs = list(range(max(run.epochs for run in runs)))
    lines = [
        seed_line(group, [run.summary["hard_set"] for run in group.runs], len(epochs), look=i)
        for i, group in enumerate(seed_groups(runs))
    ]
    blocks: list[Block] = []
    if len(runs) > 1:
        sizes = line_chart("Hard questions", epochs, lines, "epoch", "questions", percent=False)
        blocks.append(Figures([sizes]))
    return Section(
        "hard_set",
        "Hard questions",
        "How many questions get fewer than τ rollouts right, and do they come to be solved bare?",
        [*blocks, *per_run(runs, _flows, NOTE)],
    )


def _flows(run: Run) -> list[Block]:
    tau, rollouts = run.setting("data", "tau"), run.setting("data", "num_generations")
    if not (run.questions and isinstance(tau, int) and isinstance(rollouts, int)):
        return [
            Missing(
                "No questions/epoch-N.parquet or no config.yaml: p2o fit writes both unless question_log.enabled is "
                "false."
            )
        ]
    found = flows(run.questions, Fraction(tau, rollouts))
    rows = [
        [
            str(epoch),
            str(flow.entered + flow.stuck),
            *map(str, (flow.entered, flow.stuck, flow.left_bare, flow.left_helped)),
        ]
        for epoch, flow in found.items()
    ]
    parts = {
        "stuck": [flow.stuck for flow in found.values()],
        "entered": [flow.entered for flow in found.values()],
        "left, solved bare": [-flow.left_bare for flow in found.values()],
        "left, solved with help": [-flow.left_helped for flow in found.values()],
    }
    head = ["epoch", "hard", "entered", "stuck", "left, solved bare", "left, solved with help"]
    return [
        Figures([bar_chart("Into and out of the hard set", list(found), parts, "epoch", "questions (left: below 0)")]),
        ValueTable("Flows", head, rows),
    ]
