"""Rows of data files: JSONL and Parquet, read row by row and written so that an interruption damages nothing."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.files import replacing

NumberedRow = tuple[int, dict[str, Any]]  # its line in the file, or its number in the table; from 1
Select = Callable[[list[str]], list[str]]  # the columns of a Parquet file -> those that are read; may refuse them


def read_rows(path: Path, select: Select = list) -> Iterator[NumberedRow]:
    """The rows of a `.jsonl` file (UTF-8, one object a line; blank lines are skipped) or of a `.parquet` file.

    Raises:
        InputError: The file cannot be read, or a row of it; the message names the line.
    """
    suffix = path.suffix.lower()
    if suffix not in (".jsonl", ".parquet"):
        raise InputError(f"{path}: expected a file that ends in .jsonl or .parquet, got {path.suffix!r}.")
    try:
        yield from _jsonl(path) if suffix == ".jsonl" else _parquet(path, select)
    except OSError as error:
        raise InputError(f"{path}: expected a readable data file: {error.strerror or error}.") from error


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One object a line."""
    with replacing(path) as part, part.open("w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], schema: Any) -> None:  # noqa: ANN401 (pyarrow's)
    """A table with the columns of `schema`, compressed."""
    import pyarrow
    import pyarrow.parquet

    with replacing(path) as part:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema=schema), part, compression="zstd")


def _jsonl(path: Path) -> Iterator[NumberedRow]:
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


def _parquet(path: Path, select: Select) -> Iterator[NumberedRow]:
    import pyarrow.parquet
    from pyarrow import ArrowException

    with path.open("rb") as opened:
        try:
            file = pyarrow.parquet.ParquetFile(opened)
            columns = select(file.schema_arrow.names)
            batches: Iterable[Any] = file.iter_batches(columns=columns)
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), 1)
        except (ArrowException, OSError) as error:  # OSError: pyarrow's for damaged pages
            said = " ".join(str(error).split())
            raise InputError(f"{path}: expected a Parquet file that pyarrow can read: {said}.") from error
