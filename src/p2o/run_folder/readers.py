"""Reads the files of a run folder that are no tables; a damaged one is named in one message."""

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from p2o.errors import InputError
from p2o.io.tables import read_rows
from p2o.run_folder.paths import RunPaths

# What readers rely on in the figures of an evolution, and the kinds of it.
_EVOLUTION: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("train", "dev", "budget", "spent", "pool", "bank", "seeds"), int),
    **dict.fromkeys(("rejections", "tokens", "settings", "solvers", "reflection"), dict),
    **dict.fromkeys(("best_dev_scores", "iteration_figures", "dev_questions"), list),
    "stopped": str,
    "seconds": (int, float),
}

# The columns of the rows of an evolution that readers rely on.
CANDIDATE = ("id", "text", "parent", "status", "dev_score", "dev_scores", "before", "weight", "prompt", "reply")
REJECTED = ("parent", "prompt", "reply")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file that holds one object.

    Raises:
        InputError: The file cannot be read, or it holds something else.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: expected a JSON object that p2o fit wrote: {error}.") from error


def read_run_config(paths: RunPaths) -> dict[str, Any]:
    """The resolved config of a run; empty if the folder has none.

    Raises:
        InputError: It is damaged.
    """
    if not paths.config.is_file():
        return {}
    try:
        return dict(yaml.safe_load(paths.config.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise InputError(f"{paths.config}: expected the YAML config of a run: {error}.") from error


def read_summary(paths: RunPaths) -> dict[str, Any]:
    """The summary of a run with at least one finished epoch.

    Raises:
        InputError: The folder holds none, or it is damaged.
    """
    summary = read_json(paths.summary) if paths.summary.is_file() else {}
    match summary:
        case {"epochs": int(), "reward": [*_], "hard_set": [*_], "history": [*_], "rollouts": {}, "seconds": _}:
            return summary
    raise InputError(
        f"{paths.root}: expected the folder of a run of p2o fit, with at least one finished epoch: there is no "
        "summary.json in it that p2o wrote. Give the run's trainer.default_root_dir; a run with run_summary.enabled: "
        "false leaves none."
    )


def read_evolution(path: Path) -> dict[str, Any]:
    """What an evolution was given and what it cost.

    Raises:
        InputError: The file is damaged.
    """
    figures = read_json(path)
    if odd := [name for name, kind in _EVOLUTION.items() if not isinstance(figures.get(name), kind)]:
        raise InputError(f"{path}: expected the figures of an evolution, {', '.join(odd)} is missing or no such thing.")
    return figures


def read_lineage(path: Path, columns: Collection[str]) -> list[dict[str, Any]]:
    """The rows of a file of an evolution, each of which must have these columns; none if there is no such file.

    Raises:
        InputError: A row is damaged; the message names its line.
    """
    rows = list(read_rows(path)) if path.is_file() else []
    for number, row in rows:
        if missing := [name for name in columns if name not in row]:
            raise InputError(f"{path}:{number}: expected a row of an evolution, {', '.join(missing)} is missing.")
    return [row for _, row in rows]


def read_fixed_questions(paths: RunPaths, epochs: int) -> list[dict[str, Any]]:
    """The measurements of the fixed questions within the first `epochs` epochs; empty if there are none.

    Raises:
        InputError: The file is damaged.
    """
    if not paths.fixed_questions.is_file():
        return []
    measurements = read_json(paths.fixed_questions).get("measurements")
    if not isinstance(measurements, list) or not all(map(_is_measurement, measurements)):
        raise InputError(
            f"{paths.fixed_questions}: expected the measurements that p2o fit writes, something else is in it. Delete "
            "the file to go on without it."
        )
    return [measurement for measurement in measurements if measurement["epoch"] < epochs]


def _is_measurement(entry: object) -> bool:
    match entry:
        case {"epoch": int(), "moment": str(), "seconds": int() | float(), "questions": [_, *_] as questions}:
            return all(map(_is_question, questions))
    return False


def _is_question(entry: object) -> bool:
    match entry:
        case {"id": str(), "bare": [_, *_] as bare, "mixture": [_, *_] as mixture, "templated": [_, *_]}:
            return all(isinstance(answer, list) and len(answer) == 2 for answer in (*bare, *mixture))
    return False


def read_metrics(paths: RunPaths) -> list[Mapping[str, float]]:
    """Every row of the CSV logs, in the order in which they were logged; cells that are empty are left out.

    Raises:
        InputError: A log is damaged.
    """
    return [row for path in paths.metrics() for row in _metric_rows(path)]


def _metric_rows(path: Path) -> Sequence[Mapping[str, float]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return [
                {name: float(value) for name, value in row.items() if name and value} for row in csv.DictReader(lines)
            ]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path}: expected the metrics that p2o fit logs as CSV: {error}. Delete the file to go on without it."
        ) from error
