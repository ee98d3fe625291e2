"""Rows of data files: JSONL and Parquet, read row by row and written so that an interruption damages nothing."""

import json
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.files import LONE_SURROGATES, replacing

NumberedRow = tuple[int, dict[str, Any]]  # its line in the file, or its number in the table; from 1
ROW_GROUP = 4096  # rows of a Parquet table that are in memory at a time while it is written
SUFFIXES = (".jsonl", ".parquet")
Select = Callable[[list[str]], list[str]]  # the columns of a Parquet file -> those that are read; may refuse them


def read_rows(path: Path, select: Select = list) -> Iterator[NumberedRow]:
    """The rows of a `.jsonl` file (UTF-8, one object a line; blank lines are skipped) or of a `.parquet` file.

    Raises:
        InputError: The file cannot be read, or a row of it; the message names the line.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a file that ends in .jsonl or .parquet, got {path.suffix!r}.")
    try:
        yield from _jsonl(path) if suffix == ".jsonl" else _parquet(path, select)
    except OSError as error:
        raise InputError(f"{path}: expected a readable data file: {error.strerror or error}.") from error


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a `.jsonl` file with one object on each line."""
    with replacing(path) as part, part.open("w", encoding="utf-8", errors=LONE_SURROGATES) as lines:
        for row in rows:
            lines.write(json_line(row))


def json_line(row: Mapping[str, Any]) -> str:
    """A row as a line of a `.jsonl` file."""
    return json.dumps(row, ensure_ascii=False, default=_text) + "\n"


def _text(value: object) -> str:
    """Cells that JSON has no kind for: Parquet's dates and decimal numbers, as text."""
    if isinstance(value, date | time | Decimal):
        return str(value)
    raise TypeError(f"Expected a cell that JSON has a kind for, got {value!r:.100}.")


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], schema: Any) -> None:  # noqa: ANN401 (pyarrow's)
    """Writes a compressed table with the columns of `schema`, some thousand rows at a time.

    Parquet has no room for halves of surrogate pairs, which a JSON file may bring in: they are spelled out.
    """
    import pyarrow
    import pyarrow.parquet

    with replacing(path) as part, pyarrow.parquet.ParquetWriter(part, schema, compression="zstd") as table:
        stream = iter(rows)
        while batch := list(islice(stream, ROW_GROUP)):
            try:
                group = pyarrow.Table.from_pylist(batch, schema=schema)
            except UnicodeEncodeError:
                group = pyarrow.Table.from_pylist([spelled_out(row) for row in batch], schema=schema)
            table.write_table(group)


def spelled_out(value: Any) -> Any:  # noqa: ANN401 (whatever a row holds)
    """The value with halves of surrogate pairs spelled out in all its texts."""
    match value:
        case str():
            return value.encode("utf-8", LONE_SURROGATES).decode("utf-8")
        case dict():
            return {name: spelled_out(part) for name, part in value.items()}
        case list() | tuple():
            return [spelled_out(part) for part in value]
    return value


def arrow_rows(tables: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The rows of tables or batches of Arrow, with the numbers of narrow columns as whoever wrote them meant them."""
    for table in tables:
        cells = [_meant(column).to_pylist() for column in table.columns]
        yield from (dict(zip(table.schema.names, row, strict=True)) for row in zip(*cells, strict=True))


def _meant(column: Any) -> Any:  # noqa: ANN401 (pyarrow's)
    """A narrow column by the shortest decimal numbers for what it holds: its 0.1 is 0.10000000149011612 to Python."""
    import pyarrow

    if column.type == pyarrow.float32():
        return column.cast(pyarrow.string()).cast(pyarrow.float64())
    if column.type == pyarrow.float16():  # which Arrow writes with all its digits
        numbers = [None if number is None else _shortest(float(number)) for number in column.to_pylist()]
        return pyarrow.array(numbers, pyarrow.float64())
    return column


def _shortest(half: float) -> float:
    """The shortest decimal number that is this one in float16."""
    for digits in range(1, 5):
        near = float(f"{half:.{digits}g}")
        with suppress(OverflowError):  # rounded up beyond the largest number
            if struct.pack("e", near) == struct.pack("e", half):
                return near
    return half


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
        row = json.loads(text, object_pairs_hook=_from_pairs)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected one JSON object a line, got {text[:60]!r}: {error}.") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected one JSON object a line, got {text[:60]!r}.")
    if isinstance(row, _Repeating):
        raise InputError(_repeated(where, "key", row.name))
    return row


class _Repeating(dict[str, Any]):
    """An object of JSON that has a key more than once, of whose values Python keeps the last."""

    name = ""  # of the key


def _from_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        row = _Repeating(row)
        row.name = _twice([name for name, _ in pairs])
    return row


def _twice(names: Sequence[str]) -> str:
    return next((name for name, count in Counter(names).items() if count > 1), "")


def _repeated(where: str, kind: str, name: str) -> str:
    return (
        f"{where}: expected each {kind} once, got {name!r} more than once. Keep one of them, or give the others names "
        "of their own."
    )


def _parquet(path: Path, select: Select) -> Iterator[NumberedRow]:
    import pyarrow.parquet
    from pyarrow import ArrowException

    with path.open("rb") as opened:
        try:
            file = pyarrow.parquet.ParquetFile(opened)
            columns = select(file.schema_arrow.names)
            if name := _twice([name for name in file.schema_arrow.names if name in columns]):
                raise InputError(_repeated(str(path), "column", name))
            # pyarrow before 19 fails on the row groups of a file that has none
            batches: Iterable[Any] = file.iter_batches(columns=columns) if file.num_row_groups else ()
            yield from enumerate(arrow_rows(batches), 1)
        except (ArrowException, OSError) as error:  # OSError: pyarrow's for damaged pages
            said = " ".join(str(error).split())
            raise InputError(f"{path}: expected a Parquet file that pyarrow can read: {said}.") from error
