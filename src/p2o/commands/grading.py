"""Grades a file of answers and completions: `p2o grade`."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.files import LONE_SURROGATES
from p2o.io.tables import NumberedRow, json_line, read_rows
from p2o.questions.columns import Columns, check_columns, to_text
from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.types import Grade, Outcome, Question

AT_ONCE = 1024  # rows that are graded together


def grade_file(source: Path, out: Path, reward: Reward) -> Counter[Outcome]:
    """Writes the rows of `source` to `out` with `reward`, `outcome` and `extracted`; says how often each outcome came.

    A row has an `answer` (text or number) and a `completion`; `truncated` says whether the length limit cut the
    completion off, `tokens` how long it is. All else that is in a row is kept. `out` appears when it is complete. If
    grading breaks off, what was graded until then stays beside it, in a file whose name the message says.

    Raises:
        InputError: A row is not usable, and the message names its line; or there is none; or `out` is `source`.
    """
    rows = list(read_rows(source))
    if not rows:
        raise InputError(f"{source}: expected rows to grade, the file has none.")
    if out.exists() and out.samefile(source):
        raise InputError(f"{out}: expected another file than the rows that are graded, they would be overwritten.")
    inputs = [_grading_input(f"{source}:{number}", row) for number, row in rows]
    outcomes: Counter[Outcome] = Counter()
    part = out.with_name(f"{out.name}.part")
    with _kept_if_interrupted(part, outcomes, len(rows)):
        with part.open("w", encoding="utf-8", errors=LONE_SURROGATES) as lines:
            for start in range(0, len(rows), AT_ONCE):
                grades = grade_checked(reward, inputs[start : start + AT_ONCE])
                lines.writelines(_graded_lines(rows[start : start + AT_ONCE], grades))
                lines.flush()
                outcomes.update(grade.outcome for grade in grades)
        os.replace(part, out)
    return outcomes


@contextmanager
def _kept_if_interrupted(part: Path, outcomes: Counter[Outcome], rows: int) -> Iterator[None]:
    """Says with an error where the rows are that were graded before it; removes the file if there are none."""
    try:
        yield
    except BaseException as error:
        if not outcomes:
            part.unlink(missing_ok=True)
            said = ""
        else:
            said = f"The first {outcomes.total():,} of {rows:,} rows were graded and are in {part}."
        if isinstance(error, OSError):
            raise InputError(f"{part}: expected a file that can be written: {error.strerror}. {said}") from error
        if isinstance(error, InputError):
            raise InputError(f"{error} {said}".strip()) from error
        if said:
            error.add_note(said)
        raise


def _graded_lines(rows: Sequence[NumberedRow], grades: Sequence[Grade]) -> Iterator[str]:
    for (_, row), grade in zip(rows, grades, strict=True):
        verdict = {"reward": grade.reward, "outcome": str(grade.outcome), "extracted": grade.extracted}
        yield json_line(row | verdict)


def _grading_input(where: str, row: dict[str, Any]) -> GradingInput:
    """A row as a reward sees it; its `question` and `id`, if it has them, in the question's place."""
    check_columns(where, row, Columns(question="completion", answer="answer"))
    answer, completion, truncated = to_text(where, row, "answer"), row["completion"], row.get("truncated", False)
    if not isinstance(completion, str):
        raise InputError(f"{where}: expected a text in column 'completion', got {completion!r:.100}.")
    if not isinstance(truncated, bool):
        raise InputError(f"{where}: expected true or false in column 'truncated', got {truncated!r:.100}.")
    tokens = row.get("tokens")
    if not isinstance(tokens, int | None) or isinstance(tokens, bool):
        raise InputError(f"{where}: expected a whole number in column 'tokens', got {tokens!r:.100}.")
    question = Question(str(row.get("id", where)), str(row.get("question", "")), answer, origin=where)
    return GradingInput(question, completion, truncated, tokens)
