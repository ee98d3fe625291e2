"""Reads the rows of a data set, from files or from the Hugging Face hub."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from p2o.errors import InputError
from p2o.prepare.left_out import LeftOut, Sifted
from p2o.questions.hub import load_table
from p2o.questions.rows import Columns, check_columns, guess_columns, to_questions
from p2o.tables import Row, read_rows
from p2o.types import Question


def read_sources(sources: Sequence[str], revision: str, columns: Columns | None) -> Sifted:
    """Questions of all sources, in order.

    Args:
        sources: Paths of .jsonl or .parquet files, or names of data sets on the hub (split `train`).
        revision: Of data sets on the hub; "" for the newest.
        columns: Which column holds what; None takes the usual names.
    """
    kept: dict[str, Question] = {}
    left_out: list[LeftOut] = []
    for source in sources:
        questions, unusable = _read(source, revision, columns)
        left_out += unusable
        for question in questions:
            if (known := kept.setdefault(question.id, question)) is not question:
                raise InputError(
                    f"{question.origin}: expected ids that are unique over all sources, {known.origin} also has "
                    f"{question.id!r}. Rename one of the two."
                )
    if not kept:
        raise InputError(f"{', '.join(sources)}: expected questions, no row is usable: {left_out[0].detail}")
    return list(kept.values()), left_out


def _read(source: str, revision: str, columns: Columns | None) -> Sifted:
    rows = _file_rows(Path(source).expanduser()) if source.endswith((".jsonl", ".parquet")) else _hub(source, revision)
    if not rows:
        raise InputError(f"{source}: expected questions, there are no rows.")
    columns = columns or guess_columns(source, rows[0][1])
    check_columns(f"{source}:{rows[0][0]}", rows[0][1], columns)
    prefix = "" if columns.id else f"{Path(source).stem}-"
    questions: list[Question] = []
    left_out: list[LeftOut] = []
    for row in rows:
        try:
            [question] = to_questions(source, [row], columns)
        except InputError as error:  # one bad row of 40,000 is reported, and the rest is of use
            identity = row[1].get(columns.id) if columns.id else None
            left_out.append(LeftOut(str(identity or f"{prefix}{row[0]}"), "unusable row", str(error)))
        else:
            questions.append(
                Question(prefix + question.id, question.text, question.answer, question.difficulty, question.origin)
            )
    return questions, left_out


def _file_rows(path: Path) -> list[Row]:
    return list(read_rows(path))


def _hub(name: str, revision: str) -> list[Row]:
    table = load_table(name, "train", revision=revision)
    columns = guess_columns(name, table.column_names)  # above all not the solutions: 48 kB a row in DeepMath
    return list(enumerate(table.select_columns(columns.used), 1))


def source_entry(source: str, revision: str) -> dict[str, str]:
    """A source as the data card names it: a file by name and hash, a hub data set by name and revision."""
    path = Path(source).expanduser()
    if path.is_file():
        with path.open("rb") as file:
            return {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return {"hub": source, "revision": revision or "newest"}
