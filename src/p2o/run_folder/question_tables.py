"""The question log as files: a table for each epoch, the texts of templates, and a summary over all epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.io.tables import write_parquet
from p2o.run_folder.hard_set_summary import summarise
from p2o.run_folder.log_columns import QUESTION_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord
from p2o.run_folder.readers import read_json


def write_questions(paths: RunPaths, epoch: int, records: Sequence[QuestionRecord], texts: Mapping[str, str]) -> None:
    """Adds an epoch; files of later epochs, which a run left that went another way, do not count in the summary.

    The entries of earlier epochs stay as they are, so that it takes no longer, and no more memory, after many epochs.
    """
    known = read_json(paths.question_templates) if paths.question_templates.is_file() else {}
    path = paths.questions(epoch)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(paths.question_templates, known | dict(texts))
    write_parquet(path, [asdict(record) for record in records], QUESTION_LOG.schema())
    logged = [number for number in range(epoch) if paths.questions(number).is_file()]
    entries = _entries(paths, epoch)
    if [entry["epoch"] for entry in entries] != logged:  # the summary was deleted, or is of another way
        entries = summarise([read_questions(paths.questions(number)) for number in logged], known | dict(texts))
    last = [read_questions(paths.questions(number)) for number in logged[-1:]]
    entries.append(summarise([*last, records], known | dict(texts))[-1])
    write_json(paths.question_summary, {"epochs": entries})


def _entries(paths: RunPaths, epoch: int) -> list[dict[str, Any]]:
    """What the summary has of the epochs before this one; nothing if it cannot be read."""
    try:
        entries = read_json(paths.question_summary)["epochs"] if paths.question_summary.is_file() else []
        return [entry for entry in entries if entry["epoch"] < epoch]
    except (InputError, LookupError, TypeError):  # damaged by somebody else: the tables have it all
        return []


def read_questions(path: Path) -> list[QuestionRecord]:
    """Reads what became of every training question in one epoch.

    Raises:
        InputError: The file is damaged.
    """
    return [
        QuestionRecord(**(row | {"templates": tuple(row["templates"]), "outcomes": tuple(row["outcomes"])}))
        for row in QUESTION_LOG.read(path)
    ]
