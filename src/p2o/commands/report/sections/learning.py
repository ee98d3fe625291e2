"""Training reward and validation accuracy against other runs."""

from collections.abc import Sequence

from p2o.commands.report.blocks import Block, Figure, Figures, Missing, Section, Text
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.runs import Run
from p2o.commands.report.seeds import SeedGroup, seed_groups, seed_line


def learning(runs: Sequence[Run]) -> Section:
    """Compares training rewards, and validation accuracy for each difficulty."""
    epochs = list(range(max(run.epochs for run in runs)))
    groups = seed_groups(runs)
    rewards = [
        seed_line(group, [run.summary["reward"] for run in group.runs], len(epochs), look=i)
        for i, group in enumerate(groups)
    ]
    figures = [line_chart("Training reward", epochs, rewards, "epoch", "mean reward", percent=False)]
    validation = _validation(groups, epochs)
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


def _validation(groups: Sequence[SeedGroup], epochs: Sequence[int]) -> list[Figure]:
    history = [epoch for group in groups for run in group.runs for epoch in run.summary["history"]]
    figures = []
    for name in dict.fromkeys(name for epoch in history for name in epoch["bare"] or {}):
        lines = [
            line for i, group in enumerate(groups) for line in _accuracies(group, name, i, len(groups), len(epochs))
        ]
        figures.append(line_chart(f"Validation accuracy: {name}", epochs, lines, "epoch", "accuracy"))
    return figures


def _accuracies(group: SeedGroup, name: str, look: int, groups: int, epochs: int) -> list[Line]:
    lines = []
    for dashed, context in enumerate(("bare", "templated")):
        curves = [[(epoch[context] or {}).get(name) for epoch in run.summary["history"]] for run in group.runs]
        label = context if groups == 1 else f"{group.name}, {context}"
        line = seed_line(group, curves, epochs, look, label, bool(dashed))
        if any(value is not None for value in line.y):
            lines.append(line)
    return lines
