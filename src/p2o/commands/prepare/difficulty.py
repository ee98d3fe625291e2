"""Leaves out questions that are too easy."""

from collections.abc import Iterable

from p2o.commands.prepare.left_out import LeftOut, Sifted
from p2o.errors import InputError
from p2o.types import Question


def leave_out_easy(questions: Iterable[Question], minimum: float) -> Sifted:
    """Keeps questions of at least this difficulty.

    Raises:
        InputError: A difficulty is no number.
    """
    kept, left_out = [], []
    for question in questions:
        if _number(question) >= minimum:
            kept.append(question)
        else:
            left_out.append(LeftOut(question.id, f"difficulty below {minimum:g}", question.difficulty))
    return kept, left_out


def _number(question: Question) -> float:
    try:
        return float(question.difficulty)
    except ValueError as error:
        raise InputError(
            f"{question.origin}: expected a number as difficulty, got {question.difficulty!r}. Leave out "
            "--min_difficulty, or name the right column with --difficulty."
        ) from error
