"""Turns the rows of a data file into questions, and says which row is at fault."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from p2o.errors import InputError
from p2o.io.surrogates import has_half_pair
from p2o.types import Question


@dataclass(frozen=True)
class Columns:
    """Which column holds what; "" for `id` and `difficulty` if there is no such column."""

    question: str
    answer: str
    id: str = ""
    difficulty: str = ""

    @property
    def used(self) -> list[str]:
        """The columns that are read, each once."""
        return list(dict.fromkeys(name for name in (self.question, self.answer, self.id, self.difficulty) if name))


def to_questions(source: str, rows: Iterable[tuple[int, Mapping[str, Any]]], columns: Columns) -> list[Question]:
    """Makes a question of each numbered row.

    Args:
        source: Name of the file or data set, for messages.
        rows: Pairs of the line (or row) number, from 1, and the row.
        columns: Which column holds what.

    Raises:
        InputError: A row is not usable, two rows have one id, or there is no row.
    """
    questions: dict[str, Question] = {}
    for number, row in rows:
        origin = f"{source}:{number}"
        check_columns(origin, row, columns)
        question = Question(
            id=to_text(origin, row, columns.id) if columns.id else str(number),
            text=_words(origin, row, columns.question),
            answer=to_text(origin, row, columns.answer),
            difficulty=to_text(origin, row, columns.difficulty) if columns.difficulty else "all",
            origin=origin,
        )
        _check_text(question)
        if (known := questions.setdefault(question.id, question)) is not question:
            raise InputError(
                f"{origin}: expected an id of its own in column {columns.id!r}, got {question.id!r}, which "
                f"{known.origin} already has. Make the ids unique, or leave `id` empty to number the rows."
            )
    if not questions:
        raise InputError(f"{source}: expected questions, the file has no rows.")
    return list(questions.values())


def check_columns(where: str, names: Iterable[str], columns: Columns) -> None:
    """Refuses names among which a column is missing."""
    existing = list(names)
    for column in columns.used:
        if column not in existing:
            raise InputError(
                f"{where}: expected a column {column!r}, found {', '.join(map(repr, existing)) or 'none'}. Name the "
                "columns of your data with `question`, `answer`, `id` and `difficulty`."
            )


def _check_text(question: Question) -> None:
    for text in (question.id, question.text, question.answer, question.difficulty):
        if has_half_pair(text):
            raise InputError(
                f"{question.origin}: expected text, found half a surrogate pair in {text[:100]!r}: a character was cut "
                "in two when the file was written. Repair the row."
            )


def _words(origin: str, row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{origin}: expected a text in column {column!r}, got {_show(value)}.")
    return value


def to_text(origin: str, row: Mapping[str, Any], column: str) -> str:
    """A text, a number as its decimal digits (1e-07 would be read as e minus seven), or texts with commas between.

    A float without a fraction is an integer: that is what a gap makes of a column of them. OlympiadBench lists the
    answers of a question that has several.
    """
    value = row[column]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value) if isinstance(value, int) else format(value, "f")
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, list) and value and all(isinstance(part, str) and part.strip() for part in value):
        return ", ".join(value)
    raise InputError(f"{origin}: expected a text or a number in column {column!r}, got {_show(value)}.")


def _show(value: object) -> str:
    return "an empty text" if isinstance(value, str) and not value.strip() else f"{value!r:.100}"


# How public mathematical data sets spell the two columns, the more telling names first.
_QUESTIONS = ("question", "problem")
_ANSWERS = ("answer", "final_answer")
_DIFFICULTIES = ("difficulty", "level")


def guess_columns(where: str, names: Iterable[str]) -> Columns:
    """The columns of a data set by their usual names.

    Raises:
        InputError: There is no column for the question or none for the answer.
    """
    existing = list(names)

    def first(usual: tuple[str, ...]) -> str:
        return next((name for name in usual if name in existing), "")

    columns = Columns(first(_QUESTIONS), first(_ANSWERS), first(("id",)), first(_DIFFICULTIES))
    if not (columns.question and columns.answer):
        raise InputError(
            f"{where}: expected a column {' or '.join(map(repr, _QUESTIONS))} and a column "
            f"{' or '.join(map(repr, _ANSWERS))}, found {', '.join(map(repr, existing)) or 'none'}. Rename "
            "them, or write the config by hand: `question` and `answer` of QuestionFile take any name."
        )
    return columns
