"""Questions from a JSONL or Parquet file."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.questions.base import QuestionSource
from p2o.questions.rows import Columns, check_columns, read_rows
from p2o.types import Question

Row = tuple[int, dict[str, Any]]  # its line in the file, or its number in the table; from 1


class QuestionFile(QuestionSource):
    """Questions from a file: `.jsonl` (UTF-8, one object a line; blank lines are skipped) or `.parquet`.

    Args:
        path: The file; relative paths start at the working directory.
        question: Column of the question's text.
        answer: Column of the gold answer; numbers are taken as their text.
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
        """All questions of the file."""
        path = Path(self.path).expanduser()
        readers = {".jsonl": _jsonl, ".parquet": _parquet}
        if (reader := readers.get(path.suffix.lower())) is None:
            raise InputError(f"{path}: expected a file that ends in {' or '.join(readers)}, got {path.suffix!r}.")
        try:
            return read_rows(str(path), islice(reader(path, self.columns), self.limit or None), self.columns)
        except OSError as error:
            raise InputError(f"{path}: expected a readable data file: {error.strerror or error}.") from error


def _jsonl(path: Path, columns: Columns) -> Iterator[Row]:
    with path.open("rb") as lines:  # bytes: a text file would also end lines at a carriage return
        for number, line in enumerate(lines, 1):
            if text := _decode(f"{path}:{number}", line).strip():
                yield number, _object(f"{path}:{number}", text)


def _decode(where: str, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")  # the byte-order mark that some Windows programs put first
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: expected UTF-8 text: {error}. Save the file as UTF-8.") from error


def _object(where: str, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected one JSON object a line, got {text[:60]!r}: {error}.") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected one JSON object a line, got {text[:60]!r}.")
    return row


def _parquet(path: Path, columns: Columns) -> Iterator[Row]:
    import pyarrow.parquet
    from pyarrow import ArrowException

    with path.open("rb") as opened:
        try:
            file = pyarrow.parquet.ParquetFile(opened)
            check_columns(str(path), file.schema_arrow.names, columns)
            batches: Iterable[Any] = file.iter_batches(columns=columns.used)
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), 1)
        except (ArrowException, OSError) as error:  # OSError: pyarrow's for damaged pages
            said = " ".join(str(error).split())
            raise InputError(f"{path}: expected a Parquet file that pyarrow can read: {said}.") from error
