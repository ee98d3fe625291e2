"""The question log as files: a table for each epoch, the texts of templates, and a summary over all epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.io.tables import write_parquet
from p2o.run_folder.hard_set_summary import entries_and_hard_sets
from p2o.run_folder.log_columns import QUESTION_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord, template_id
from p2o.run_folder.readers import read_json
from p2o.types import TemplateGap


def write_questions(
    paths: RunPaths,
    epoch: int,
    records: Sequence[QuestionRecord],
    texts: Mapping[str, str],
    gaps: Sequence[TemplateGap],
) -> None:
    """Adds an epoch; files of later epochs, which a run left that went another way, do not count in the summary.

    The entries of earlier epochs stay as they are, and the summary keeps which questions are hard, so that it takes no
    longer, and no more memory, after many epochs.

    Args:
        paths: Of the run.
        epoch: Number of the epoch, from 0.
        records: Of its questions.
        texts: Of templates, by id.
        gaps: Of each template that had correct completions with a gradient.
    """
    known = read_json(paths.question_templates) if paths.question_templates.is_file() else {}
    path = paths.questions(epoch)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(paths.question_templates, known | dict(texts))
    write_parquet(path, [asdict(record) for record in records], QUESTION_LOG.schema())
    figures = {template_id(one.template): asdict(one) for one in gaps}
    for of_template in figures.values():
        del of_template["template"]  # its text is in templates.json, once
    write_json(paths.template_gaps(epoch), dict(sorted(figures.items())))
    logged = [number for number in range(epoch) if paths.questions(number).is_file()]
    entries, hard = _so_far(paths, logged, known | dict(texts))
    [(entry, now)] = entries_and_hard_sets([records], known | dict(texts), hard if logged else None)
    write_json(paths.question_summary, {"epochs": [*entries, entry], "hard": sorted(now)})


def _so_far(paths: RunPaths, logged: Sequence[int], texts: Mapping[str, str]) -> tuple[list[dict[str, Any]], set[str]]:
    """Entries of the epochs before this one, and what was hard after them: from the summary, or from their tables."""
    try:
        found = read_json(paths.question_summary) if paths.question_summary.is_file() else {"epochs": [], "hard": []}
        if [entry["epoch"] for entry in found["epochs"]] == logged:
            return found["epochs"], set(found["hard"])
    except (InputError, LookupError, TypeError):  # damaged by somebody else: the tables have it all
        pass
    both = list(entries_and_hard_sets((read_questions(paths.questions(number)) for number in logged), texts))
    return [entry for entry, _ in both], both[-1][1] if both else set()


def read_questions(path: Path) -> list[QuestionRecord]:
    """Reads what became of every training question in one epoch.

    Raises:
        InputError: The file is damaged.
    """
    return [
        QuestionRecord(**(row | {"templates": tuple(row["templates"]), "outcomes": tuple(row["outcomes"])}))
        for row in QUESTION_LOG.read(path)
    ]


def read_template_gaps(paths: RunPaths, epoch: int) -> dict[str, TemplateGap]:
    """What `write_questions` was told of templates in an epoch, by their ids; empty if it is not there.

    Raises:
        InputError: The file is damaged.
    """
    path = paths.template_gaps(epoch)
    found = read_json(path) if path.is_file() else {}
    texts = read_json(paths.question_templates) if found else {}
    try:
        return {
            id: TemplateGap(
                texts.get(id, id),
                float(one["gap"]),
                float(one["masked"]),
                int(one["completions"]),
                *(_counted(one.get(name)) for name in ("nats", "masked_nats")),
            )
            for id, one in found.items()
        }
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: expected gap, masked and completions by template, as p2o fit writes them: {error}. Delete the "
            "file to go on without it."
        ) from error


def _counted(value: Any) -> float | None:  # noqa: ANN401 (JSON holds anything)
    """A figure that files of earlier releases lack."""
    return None if value is None else float(value)
