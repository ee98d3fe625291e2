"""The runs at a glance, and where their configs differ."""

from collections.abc import Iterator, Sequence
from typing import Any

from p2o.commands.report.blocks import Block, Missing, Section, ValueTable
from p2o.commands.report.runs import Run
from p2o.commands.report.seeds import mean_over_seeds, seed_groups
from p2o.commands.report.texts import shortened

PLACES = ("trainer.logger", "trainer.default_root_dir", "checkpoint.dirpath", "config")  # where, not what
SETTINGS = (
    ("policy", "model", "model"),
    ("seed", "seed_everything"),
    ("context estimator", "model", "context", "class_path"),
    ("learning rate", "model", "optimizer", "init_args", "lr"),
    ("reflector", "evolution", "reflector", "class_path"),
    ("K, rollouts of a question", "data", "num_generations"),
    ("of which bare", "data", "bare_rollouts"),
    ("τ, correct rollouts below which a question is hard", "data", "tau"),
    ("evolution budget in rollouts", "evolution", "budget"),
    ("V, dev questions at most", "evolution", "dev_size"),
    ("B, mini-batch of a comparison", "evolution", "mini_batch_size"),
    ("W, parents at most", "evolution", "width"),
)


def overview(runs: Sequence[Run]) -> Section:
    """Shows where each run ended, its settings, and where the configs differ."""
    blocks: list[Block] = [
        ValueTable("Where the runs ended", ["", *(run.name for run in runs)], list(_ends(runs))),
        ValueTable("Settings", ["", *(run.name for run in runs)], list(_settings(runs))),
    ]
    blocks += _over_seeds(runs)
    if len(runs) > 1:
        blocks.append(_differences(runs))
    blocks.append(_environments(runs))
    if unknown := [run.name for run in runs if not run.config]:
        blocks.append(
            Missing(f"No config.yaml in {', '.join(unknown)}: runs of this version of p2o fit write one at their top.")
        )
    return Section("overview", "At a glance", "What was run, and where did it end?", blocks)


def _ends(runs: Sequence[Run]) -> Iterator[list[str]]:
    yield ["epochs", *(str(run.epochs) for run in runs)]
    yield ["seconds", *(f"{run.summary['seconds']:,.0f}" for run in runs)]
    yield ["rollouts", *(f"{sum(run.summary['rollouts'].values()):,}" for run in runs)]
    yield ["training reward, first → last epoch", *(_from_to(run.summary["reward"], ".3f") for run in runs)]
    yield ["hard questions, first → last epoch", *(_from_to(run.summary["hard_set"], "d") for run in runs)]
    for context in ("bare", "templated"):
        names = dict.fromkeys(name for run in runs for epoch in run.summary["history"] for name in epoch[context] or {})
        for name in names:
            curves = [[(epoch[context] or {}).get(name) for epoch in run.summary["history"]] for run in runs]
            found = [[value for value in curve if value is not None] for curve in curves]
            yield [f"validation, {context}, {name}", *(_from_to(values, ".1%") for values in found)]


def _over_seeds(runs: Sequence[Run]) -> list[Block]:
    """Where the runs of each config ended, as means over their seeds; nothing if no config has several."""
    groups = [group for group in seed_groups(runs) if len(group.runs) > 1]
    rows: dict[str, dict[int, str]] = {}  # by label, then by the number of the group, which may lack the figure
    for number, group in enumerate(groups):
        end = min(run.epochs for run in group.runs) - 1  # a run that goes on has seen less
        for label, name in (("training reward", "reward"), ("hard questions", "hard_set")):
            rows.setdefault(label, {})[number] = _mean_text([run.summary[name][end] for run in group.runs], False)
        for context in ("bare", "templated"):
            last = [run.summary["history"][end][context] or {} for run in group.runs]
            for name in dict.fromkeys(name for accuracies in last for name in accuracies):
                values = [accuracies[name] for accuracies in last if name in accuracies]
                some = f" ({len(values)} of {len(last)})" if len(values) < len(last) else ""
                rows.setdefault(f"validation, {context}, {name}", {})[number] = _mean_text(values, True) + some
    head = ["mean over seeds [95 %], last epoch that all have", *(group.name for group in groups)]
    body = [[label, *(cells.get(number, "–") for number in range(len(groups)))] for label, cells in rows.items()]
    return [ValueTable("Over seeds", head, body)] if groups else []


def _mean_text(values: Sequence[float], percent: bool) -> str:
    scale, form, unit = (100, ".1f", " %") if percent else (1, ".3g", "")
    mean, low, high = (f"{scale * value:{form}}" for value in mean_over_seeds(values))
    return f"{mean}{unit} [{low}, {high}]" if len(values) > 1 else f"{mean}{unit}"


def _environments(runs: Sequence[Run]) -> Block:
    names = dict.fromkeys(name for run in runs for name in run.environment)
    if not names:
        return Missing("No environment.json: runs of this version of p2o fit write versions and hardware there.")
    rows = [[name, *(str(run.environment.get(name, "–")) for run in runs)] for name in names]
    return ValueTable("Versions and hardware", ["", *(run.name for run in runs)], rows)


def _from_to(values: Sequence[Any], form: str) -> str:
    return f"{values[0]:{form}} → {values[-1]:{form}}" if values else "–"


def _settings(runs: Sequence[Run]) -> Iterator[list[str]]:
    for label, *keys in SETTINGS:
        values = [run.setting(*keys) for run in runs]
        named = [str(value).rpartition(".")[2] if keys[-1] == "class_path" else value for value in values]
        yield [label, *("–" if value is None else str(name) for value, name in zip(values, named, strict=True))]


def _differences(runs: Sequence[Run]) -> Block:
    flat = [dict(_flat_options(run.config)) for run in runs]
    keys = dict.fromkeys(key for config in flat for key in config)
    rows = [
        [key.replace(".init_args", ""), *(shortened(str(config.get(key, "–")), 60) for config in flat)]
        for key in keys
        if not key.startswith(PLACES) and len({repr(config.get(key)) for config in flat}) > 1
    ]
    if not rows:
        return Missing("The configs do not differ, but for the folders they write to.")
    return ValueTable("Where the configs differ", ["option", *(run.name for run in runs)], rows)


def _flat_options(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (YAML holds anything)
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat_options(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, value
