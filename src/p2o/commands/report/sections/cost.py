"""What evolution cost, and what the formula of Algorithm 3 charges for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from p2o.commands.report.blocks import Block, Figures, Missing, Section, Text, ValueTable
from p2o.commands.report.charts import bar_chart
from p2o.commands.report.runs import Evolution, Run, per_run
from p2o.commands.report.sections.evolution import no_evolution

NOTE = (
    "Rollouts: planned is the budget, known before; the formula is that of Algorithm 3, V·seeds + 2B·parents + "
    "V·accepted, and 2B for each second chance, each n completions; spent is less where a parent's mini-batch was "
    "perfect, a proposal was refused or the budget could not pay an accepted child. Tokens are those of completions "
    "and of replies. Money is what the reflector's endpoint charged, by the prices in the config."
)


def cost(runs: Sequence[Run]) -> Section:
    """Shows the rollouts of each phase, and what every evolution was planned and found to cost."""
    return Section(
        "cost",
        "Cost",
        "What does the evolution phase cost beside training, planned and spent?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    return [*_phases(run), *_pace(run), *(_evolutions(run) if run.evolutions else [no_evolution(run)])]


def _phases(run: Run) -> list[Block]:
    history = run.summary.get("rollout_history")
    if not history:
        return [Missing("No rollouts by epoch: summary.json was written by an earlier version of p2o fit.")]
    before = [dict.fromkeys(history[0], 0), *history[:-1]]
    spent = [
        {phase: now[phase] - last.get(phase, 0) for phase in now} for last, now in zip(before, history, strict=True)
    ]
    parts = {phase: [epoch.get(phase, 0) for epoch in spent] for phase in history[-1]}  # hints may begin later
    figures = [bar_chart("Rollouts by phase", list(range(run.epochs)), parts, "epoch", "rollouts")]
    if seconds := run.summary.get("phase_seconds"):
        phases = dict.fromkeys(phase for epoch in seconds for phase in epoch)
        spans = {phase: [epoch.get(phase, 0.0) for epoch in seconds] for phase in phases}
        figures.append(bar_chart("Seconds by phase", list(range(run.epochs)), spans, "epoch", "seconds"))
    return [Figures(figures)]


def _pace(run: Run) -> list[Block]:
    """Where the time went, in words."""
    seconds = run.summary.get("phase_seconds", [])
    if not seconds:
        return []
    total: dict[str, float] = {}
    for epoch in seconds:
        for phase, value in epoch.items():
            total[phase] = total.get(phase, 0.0) + value
    shares = ", ".join(
        f"{phase} {value / sum(total.values()):.0%}"
        for phase, value in sorted(total.items(), key=lambda item: -item[1])
        if value >= 0.005 * sum(total.values())
    )
    said = [f"Seconds of the epochs: {shares}."]
    if rates := [rate for rate in run.summary.get("tokens_per_second", []) if rate]:
        said.append(f"Training rollouts had {min(rates):,.0f} to {max(rates):,.0f} tokens a second of sampling.")
    if peak := run.summary.get("memory_peak_gib"):
        said.append(f"The first process held {peak:.1f} GiB at most.")
    if goodput := run.summary.get("goodput"):
        said.append(
            f"Goodput: of {run.summary['wall_seconds']:,.0f} s over {run.summary['starts']} starts, {goodput:.0%} went "
            "into sampling, grading, updates, validation and evolution of epochs that were kept."
        )
    return [Text(" ".join(said))]


STAGE_HEAD = ("after epoch", "stage", "iterations", "rollouts")


def charged(evolution: Evolution) -> int:
    """Algorithm 3 in rollouts: V for each seed, 2B for each parent, V for each accepted child, n times each.

    With several proposals for a parent, B for each of them and B for the parent; 2B for each second chance; with a
    screen, V is its size, and what later stages asked comes on top.
    """
    figures = evolution.figures
    settings, iterations = figures["settings"], figures["iteration_figures"]
    proposals = settings.get("proposals", 1)
    mini_batch = min(settings["mini_batch_size"], figures["train"])
    parents = sum(len(iteration["parents"]) for iteration in iterations)
    batches = (1 + proposals) * parents + 2 * sum(iteration.get("second_chances", 0) for iteration in iterations)
    accepted = sum(iteration["accepted"] for iteration in iterations)
    templates = figures["seeds"] + accepted
    scored = settings["completions"] * (mini_batch * batches + _screen(figures) * templates)
    return int(scored) + sum(rollouts for stage, _, rollouts in _stages(figures) if stage != "search")


def _screen(figures: Mapping[str, Any]) -> int:
    return int(figures.get("screen") or figures["dev"])


def _stages(figures: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Name, iterations and rollouts of each stage."""
    return [(name, one["iterations"], one["rollouts"]) for name, one in figures.get("stages", {}).items()]


def _evolutions(run: Run) -> list[Block]:
    head = [
        "after epoch",
        "planned at most",
        "by the formula",
        "spent",
        "parents",
        "accepted",
        "tokens",
        "tokens of reflection",
        "seconds",
        "share of the epoch",
        "money",
    ]
    stages = [
        [str(evolution.epoch), stage, str(iterations), f"{rollouts:,}"]
        for evolution in run.evolutions
        for stage, iterations, rollouts in _stages(evolution.figures)
    ]
    several = any(stage != "search" for _, stage, *_ in stages)
    return [
        ValueTable("Evolutions", head, list(_evolution_rows(run))),
        *([ValueTable("Stages of evolution", list(STAGE_HEAD), stages)] if several else []),
    ]


def _evolution_rows(run: Run) -> Iterator[list[str]]:
    seconds = run.summary.get("epoch_seconds", [])
    for evolution in run.evolutions:
        figures = evolution.figures
        iterations = figures["iteration_figures"]
        money = sum(usage.get("money", 0.0) for usage in figures.get("reflection", {}).values())
        whole = seconds[evolution.epoch] if evolution.epoch < len(seconds) else 0
        yield [
            str(evolution.epoch),
            f"{figures['budget']:,}",
            f"{charged(evolution):,}",
            f"{figures['spent']:,}",
            str(sum(len(iteration["parents"]) for iteration in iterations)),
            str(sum(iteration["accepted"] for iteration in iterations)),
            f"{figures['tokens']['evolution']:,}",
            f"{figures['tokens']['reflection']:,}",
            f"{figures['seconds']:,.1f}",
            f"{figures['seconds'] / whole:.0%}" if whole >= figures["seconds"] else "–",  # made up for on a resume
            f"{money:.4f}" if money else "none",
        ]
