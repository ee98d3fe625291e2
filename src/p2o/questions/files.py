"""Questions from a JSONL or Parquet file."""

from itertools import islice
from pathlib import Path

from p2o.errors import InputError
from p2o.io.tables import read_rows
from p2o.questions.answer_lists import told_of_lists
from p2o.questions.base import QuestionSource
from p2o.questions.columns import Columns, check_columns, to_questions
from p2o.types import Question


class QuestionFile(QuestionSource):
    """Questions from a file: `.jsonl` (UTF-8, one object a line; blank lines are skipped) or `.parquet`.

    Args:
        path: The file; relative paths start at the working directory.
        question: Column of the question's text.
        answer: Column of the gold answer; numbers are taken as their text, and of a list all parts are asked for.
        id: Column of a unique id; empty: the row's line number.
        difficulty: Column of the difficulty label; empty: all questions have one difficulty.
        limit: Read so many rows from the start; 0: all.
    """

    def __init__(
        self,
        path: str,
        question: str = "question",
        answer: str = "answer",
        id: str = "",
        difficulty: str = "",
        limit: int = 0,
    ) -> None:
        if limit < 0:
            raise InputError(f"QuestionFile needs limit >= 0 (0 reads all rows), got {limit}.")
        self.path = path
        self.columns = Columns(question, answer, id, difficulty)
        self.limit = limit

    def load(self) -> list[Question]:
        """Reads the questions of the file, up to `limit`."""
        path = Path(self.path).expanduser()
        rows = islice(read_rows(path, self._select), self.limit or None)
        return to_questions(str(path), told_of_lists(str(path), rows, self.columns.answer), self.columns)

    def _select(self, names: list[str]) -> list[str]:
        check_columns(self.path, names, self.columns)
        return self.columns.used
