"""A run as the sections of the report see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from p2o.commands.report.blocks import Block, Fold, Missing, Text
from p2o.errors import InputError
from p2o.run_folder.log_columns import VALIDATION_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord
from p2o.run_folder.question_tables import read_questions, read_template_gaps
from p2o.run_folder.readers import (
    CANDIDATE,
    REJECTED,
    read_evolution,
    read_fixed_questions,
    read_json,
    read_lineage,
    read_metrics,
    read_run_config,
    read_summary,
)
from p2o.types import TemplateGap

OF_STEPS = frozenset(("train/reward_step", "fixed_questions/kl"))  # fixed questions have rows of their own in the log


@dataclass(frozen=True)
class Evolution:
    """The evolution after an epoch: its figures and every candidate."""

    epoch: int
    figures: dict[str, Any]
    candidates: list[dict[str, Any]]
    rejected: list[dict[str, Any]]  # proposals that came to nothing


@dataclass(frozen=True)
class Run:
    """What a run left in its folder; what it did not write is empty."""

    name: str
    paths: RunPaths
    config: dict[str, Any]
    summary: dict[str, Any]
    questions: dict[int, list[QuestionRecord]]  # by epoch
    gaps: dict[int, dict[str, TemplateGap]]  # by epoch and template id, of correct completions
    evolutions: list[Evolution]
    measurements: list[dict[str, Any]]  # of the fixed questions
    metrics: dict[int, dict[str, float]]  # by epoch what was logged last, of the CSV logger
    steps: dict[int, dict[str, float]]  # what was logged of each rollout batch, and what fixed questions said before it
    validation: dict[int, list[dict[str, Any]]]  # rows of the first and the last epoch
    environment: dict[str, Any]  # versions and hardware

    @property
    def epochs(self) -> int:
        """How many epochs the run has finished."""
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
        InputError: It is no run folder, or one of its files is damaged.
    """
    paths = RunPaths(folder)
    summary = read_summary(paths)
    epochs = range(summary["epochs"])
    logged = [row for row in read_metrics(paths) if row.get("epoch", 0) < len(epochs)]
    return Run(
        name=name,
        paths=paths,
        config=read_run_config(paths),
        summary=summary,
        questions={n: read_questions(paths.questions(n)) for n in epochs if paths.questions(n).is_file()},
        gaps={n: read_template_gaps(paths, n) for n in epochs},
        evolutions=[
            Evolution(
                n,
                read_evolution(paths.evolution(n)),
                read_lineage(paths.candidates(n), CANDIDATE),
                read_lineage(paths.rejected_proposals(n), REJECTED),
            )
            for n in epochs
            if paths.evolution(n).is_file()  # of old ones the templates are gone, and what they cost is not
        ],
        measurements=read_fixed_questions(paths, len(epochs)),
        metrics=_by("epoch", logged, len(epochs)),
        steps=_by("step", [row for row in logged if not OF_STEPS.isdisjoint(row)]),
        validation={n: list(VALIDATION_LOG.read(paths.validation(n))) for n in _ends(paths, len(epochs))},
        environment=read_json(paths.environment) if paths.environment.is_file() else {},
    )


def load_runs(folders: Sequence[Path]) -> list[Run]:
    """All runs, under the shortest names that differ: the last parts of their paths."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise InputError("p2o report: expected different run folders, got one twice.")
    depth = next(n for n in range(1, 99) if len({path.parts[-n:] for path in paths}) == len(paths))
    return [load_run(path, "/".join(path.parts[-depth:])) for path in paths]


def per_run(runs: Sequence[Run], blocks: Callable[[Run], Sequence[Block]], note: str = "") -> list[Block]:
    """The blocks of every run, folded under its name if there are several; the note says once how all were measured."""
    made = [list(blocks(run)) for run in runs]
    headed = [[Fold(run.name, part)] if len(runs) > 1 else part for run, part in zip(runs, made, strict=True)]
    data = any(not isinstance(block, Missing) for part in made for block in part)
    return [*(block for part in headed for block in part), *([Text(note, "small")] if note and data else [])]


def _by(key: str, rows: Sequence[Mapping[str, float]], end: float = inf) -> dict[int, dict[str, float]]:
    """Of every epoch or step what was logged last: a resumed run logs an epoch that was cut off anew."""
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        if (number := row.get(key)) is not None and number < end:
            found.setdefault(int(number), {}).update({name: value for name, value in row.items() if name != key})
    return found


def _ends(paths: RunPaths, epochs: int) -> list[int]:
    return [number for number in sorted({0, epochs - 1}) if paths.validation(number).is_file()]
