"""Reads the rows of a data set, from files or from the Hugging Face hub."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2o.commands.prepare.left_out import LeftOut, Sifted
from p2o.errors import InputError
from p2o.io.tables import NumberedRow, read_rows
from p2o.questions.answer_lists import told_of_lists
from p2o.questions.columns import Columns, check_columns, guess_columns, to_questions
from p2o.questions.hub import load_table, rows_of
from p2o.types import Question

Entry = dict[str, str]  # a source as the data card names it


def read_sources(sources: Sequence[str], revision: str, columns: Columns | None) -> tuple[Sifted, list[Entry]]:
    """Questions of all sources, in order, and what the card says of each.

    Args:
        sources: Paths of .jsonl or .parquet files, or names of data sets on the hub (split `train`).
        revision: Of data sets on the hub; "" for the newest.
        columns: Which column holds what; None takes the usual names.
    """
    kept: dict[str, Question] = {}
    left_out: list[LeftOut] = []
    entries: list[Entry] = []
    for source in sources:
        is_file = source.endswith((".jsonl", ".parquet"))
        rows, entry = _file(Path(source).expanduser(), columns) if is_file else _hub(source, revision, columns)
        questions, unusable = _to_questions(source, rows, columns)
        left_out += unusable
        entries.append(entry)
        for question in questions:
            if (known := kept.setdefault(question.id, question)) is not question:
                raise InputError(
                    f"{question.origin}: expected ids that are unique over all sources, {known.origin} also has "
                    f"{question.id!r}. Rename one of the two."
                )
    if not kept:
        raise InputError(f"{', '.join(sources)}: expected questions, no row is usable: {left_out[0].detail}")
    return (list(kept.values()), left_out), entries


def _to_questions(source: str, rows: list[NumberedRow], columns: Columns | None) -> Sifted:
    if not rows:
        raise InputError(f"{source}: expected questions, there are no rows.")
    first = f"{source}:{rows[0][0]}"
    columns = columns or guess_columns(first, rows[0][1])
    check_columns(first, rows[0][1], columns)
    prefix = "" if columns.id else f"{Path(source).stem}-"
    questions: list[Question] = []
    left_out: list[LeftOut] = []
    for row in told_of_lists(source, rows, columns.answer):
        try:
            [question] = to_questions(source, [row], columns)
        except InputError as error:  # one bad row of 40,000 is reported, and the rest is of use
            identity = row[1].get(columns.id) or f"{prefix}{row[0]}"
            left_out.append(LeftOut(str(identity), "unusable row", str(error)))
        else:
            questions.append(replace(question, id=prefix + question.id))
    return questions, left_out


def _file(path: Path, columns: Columns | None) -> tuple[list[NumberedRow], Entry]:
    rows = list(read_rows(path, lambda names: _used(str(path), names, columns)))
    with path.open("rb") as file:
        return rows, {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _hub(name: str, revision: str, columns: Columns | None) -> tuple[list[NumberedRow], Entry]:
    table = load_table(name, "train", revision=revision)
    needed = list(rows_of(table, _used(name, table.column_names, columns)))
    return needed, {"hub": name, "revision": commit_of(table.info.download_checksums) or revision}


def _used(name: str, existing: list[str], columns: Columns | None) -> list[str]:
    """The columns that are read, above all not the solutions: 48 kB a row in DeepMath."""
    columns = columns or guess_columns(name, existing)
    check_columns(name, existing, columns)
    return columns.used


def commit_of(downloads: dict[str, Any] | None) -> str:
    """The commit in the addresses of downloaded files, hf://datasets/NAME@COMMIT/FILE; "" if there is none."""
    found = (re.search(r"@([0-9a-f]{40})/", address) for address in downloads or {})
    return next((match[1] for match in found if match), "")
