"""Says where a cell of answers holds several of them: all are asked for, and not any one, as many data sets mean it."""

from collections.abc import Iterable, Iterator

from lightning.pytorch.utilities import rank_zero_warn

from p2o.io.tables import NumberedRow


def told_of_lists(source: str, rows: Iterable[NumberedRow], column: str) -> Iterator[NumberedRow]:
    """Passes rows on, and warns behind the last one how many answers are lists of several texts.

    Args:
        source: Name of the file or data set.
        rows: Pairs of the line (or row) number and the row.
        column: That of the gold answer.
    """
    several, example = 0, ""
    for number, row in rows:
        answer = row.get(column)
        if isinstance(answer, list) and len(answer) > 1:
            several += 1
            example = example or f"that of {source}:{number} is {', '.join(map(str, answer))!r:.100}"
        yield number, row
    if several:
        rank_zero_warn(
            f"{source}: expected one gold answer a row in column {column!r}, got a list in {several:,}, of which a "
            f"completion must give all parts: {example}. Where they are spellings of one answer, keep one of them in "
            "the row: several answers, each of which would do, are not known."
        )
