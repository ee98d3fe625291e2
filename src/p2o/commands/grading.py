"""Grades a file of answers and completions: `p2o grade`."""

from collections import Counter
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.tables import read_rows, write_jsonl
from p2o.questions.columns import Columns, check_columns, to_text
from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.types import Outcome, Question

AT_ONCE = 1024  # rows that are graded together


def grade_file(source: Path, out: Path, reward: Reward) -> Counter[Outcome]:
    """Writes the rows of `source` to `out` with `reward`, `outcome` and `extracted`; says how often each outcome came.

    A row has an `answer` (text or number) and a `completion`; `truncated` says whether the length limit cut the
    completion off, `tokens` how long it is. All else that is in a row is kept. `out` appears when it is complete.

    Raises:
        InputError: A row is not usable, and the message names its line; there is none; or `out` is `source`.
    """
    if out.exists() and out.samefile(source):
        raise InputError(f"{out}: expected another file than the rows that are graded, they would be overwritten.")
    rows = list(read_rows(source))
    if not rows:
        raise InputError(f"{source}: expected rows to grade, the file has none.")
    answered = [_answered(f"{source}:{number}", row) for number, row in rows]
    grades = [
        grade
        for start in range(0, len(rows), AT_ONCE)
        for grade in grade_checked(reward, answered[start : start + AT_ONCE])
    ]
    write_jsonl(
        out,
        (
            row | {"reward": grade.reward, "outcome": str(grade.outcome), "extracted": grade.extracted}
            for (_, row), grade in zip(rows, grades, strict=True)
        ),
    )
    return Counter(grade.outcome for grade in grades)


def _answered(where: str, row: dict[str, Any]) -> GradingInput:
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
