"""Training reward and validation accuracy against other runs."""

from collections.abc import Sequence

from p2o.commands.report.blocks import Block, Figure, Figures, Missing, Section, Text
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.runs import Run
from p2o.commands.report.texts import filled_up


def learning(runs: Sequence[Run]) -> Section:
    """Compares training rewards, and validation accuracy for each difficulty."""
    epochs = list(range(max(run.epochs for run in runs)))
    rewards = [Line(run.name, filled_up(run.summary["reward"], len(epochs)), look=i) for i, run in enumerate(runs)]
    figures = [line_chart("Training reward", epochs, rewards, "epoch", "mean reward", percent=False)]
    validation = _validation(runs, epochs)
    blocks: list[Block] = [Figures([*figures, *validation])]
    if validation:
        blocks.append(
            Text(
                "Validation is greedy, after the updates of an epoch and before its evolution; templated is under the "
                "best template so far. Training reward is measured under the templates that the epoch's questions "
                "carried, so it also moves when templates change.",
                look="small",
            )
        )
    else:
        blocks.append(Missing("No validation accuracy: the runs had no validation (data.validation)."))
    return Section("learning", "Reward and accuracy", "Does the policy learn, and does it need the templates?", blocks)


def _validation(runs: Sequence[Run], epochs: Sequence[int]) -> list[Figure]:
    names = dict.fromkeys(name for run in runs for epoch in run.summary["history"] for name in epoch["bare"] or {})
    return [
        line_chart(
            f"Validation accuracy: {name}",
            epochs,
            [line for i, run in enumerate(runs) for line in _accuracies(run, name, i, len(runs) > 1, len(epochs))],
            "epoch",
            "accuracy",
        )
        for name in names
    ]


def _accuracies(run: Run, name: str, look: int, several: bool, epochs: int) -> list[Line]:
    lines = []
    for dashed, context in enumerate(("bare", "templated")):
        values = [(epoch[context] or {}).get(name) for epoch in run.summary["history"]]
        if any(value is not None for value in values):
            label = f"{run.name}, {context}" if several else context
            lines.append(Line(label, filled_up(values, epochs), look=look, dashed=bool(dashed)))
    return lines
