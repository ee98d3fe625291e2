"""A run folder as the report reads it; docs/run_folder.md says what is in one."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from p2o.callbacks.question_log import read_epoch
from p2o.commands.report.blocks import Block, Heading, Missing, Text
from p2o.errors import InputError
from p2o.io.tables import read_rows
from p2o.run_folder.question_record import QuestionRecord


@dataclass(frozen=True)
class Evolution:
    """The evolution after an epoch."""

    epoch: int
    figures: dict[str, Any]
    candidates: list[dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """What a run left behind; what it did not write is empty."""

    name: str
    folder: Path
    config: dict[str, Any]
    summary: dict[str, Any]
    mining: dict[int, list[QuestionRecord]]  # by epoch
    evolutions: list[Evolution]
    measurements: list[dict[str, Any]]  # of the probe
    metrics: dict[int, dict[str, float]]  # epoch means by name, of the CSV logger

    @property
    def epochs(self) -> int:
        """Finished ones."""
        return int(self.summary["epochs"])

    @property
    def searches(self) -> list[Evolution]:
        """Evolutions that scored something: one with too few questions or too small a budget does not."""
        return [evolution for evolution in self.evolutions if evolution.candidates]

    def setting(self, *keys: str) -> Any:  # noqa: ANN401 (YAML holds anything)
        """A value of the config; None if it is not there."""
        found: Any = self.config
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found


def load_run(folder: Path, name: str) -> Run:
    """Reads a run folder; files of epochs that the run has not finished are left out.

    Raises:
        InputError: It is none, or one of its files is damaged.
    """
    summary = _json(folder / "summary.json") if (folder / "summary.json").is_file() else {}
    match summary:
        case {"epochs": int(epochs), "reward": [*_], "hard_set": [*_], "history": [*_], "rollouts": {}}:
            pass
        case _:
            raise InputError(
                f"{folder}: expected the folder of a run of p2o fit, with at least one finished epoch: there is no "
                "summary.json in it that p2o wrote. Give the run's trainer.default_root_dir."
            )
    probe = (
        _json(folder / "fixed_questions.json")["measurements"] if (folder / "fixed_questions.json").is_file() else []
    )
    return Run(
        name=name,
        folder=folder,
        config=_yaml(folder / "config.yaml"),
        summary=summary,
        mining={number: read_epoch(path) for number, path in _epochs(folder / "mining", "parquet", epochs)},
        evolutions=[
            Evolution(number, _json(path.with_suffix(".json")), [row for _, row in read_rows(path)])
            for number, path in _epochs(folder / "templates", "jsonl", epochs)
        ],
        measurements=[measurement for measurement in probe if measurement["epoch"] < epochs],
        metrics=_metrics(folder, epochs),
    )


def load_runs(folders: Sequence[Path]) -> list[Run]:
    """All runs, under the shortest names that differ: the last parts of their paths."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise InputError("p2o report: expected different run folders, got one twice.")
    depth = next(n for n in range(1, 99) if len({path.parts[-n:] for path in paths}) == len(paths))
    return [load_run(path, "/".join(path.parts[-depth:])) for path in paths]


def per_run(runs: Sequence[Run], blocks: Callable[[Run], Sequence[Block]], note: str = "") -> list[Block]:
    """The blocks of every run, under its name if there are several; the note says once how all were measured."""
    made = [list(blocks(run)) for run in runs]
    headed = [[Heading(run.name), *part] if len(runs) > 1 else part for run, part in zip(runs, made, strict=True)]
    data = any(not isinstance(block, Missing) for part in made for block in part)
    return [*(block for part in headed for block in part), *([Text(note, "small")] if note and data else [])]


def _epochs(folder: Path, suffix: str, epochs: int) -> list[tuple[int, Path]]:
    paths = ((number, folder / f"epoch-{number:04d}.{suffix}") for number in range(epochs))
    return [(number, path) for number, path in paths if path.is_file()]


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: expected a JSON object that p2o fit wrote: {error}.") from error


def _yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: expected the YAML config of a run: {error}.") from error


def _metrics(folder: Path, epochs: int) -> dict[int, dict[str, float]]:
    """Of every epoch what was logged last: a resumed run logs an epoch that was cut off anew."""
    found: dict[int, dict[str, float]] = {}
    for path in sorted(folder.glob("logs/version_*/metrics.csv"), key=lambda path: path.stat().st_mtime):
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if (row.get("epoch") or "").isdigit() and (epoch := int(row["epoch"])) < epochs:
                    values = {name: float(value) for name, value in row.items() if name and value and name != "epoch"}
                    found.setdefault(epoch, {}).update(values)
    return found
