"""Questions from a data set on the Hugging Face hub."""

from collections.abc import Iterator
from typing import Any

from p2o.errors import InputError
from p2o.io.tables import NumberedRow, arrow_rows
from p2o.questions.answer_lists import told_of_lists
from p2o.questions.base import QuestionSource
from p2o.questions.columns import Columns, check_columns, to_questions
from p2o.types import Question

ROWS = 1000  # that are in memory at a time


class HubQuestions(QuestionSource):
    """Questions from a Hugging Face data set; needs the extra `hub`: `pip install 'p2o[hub]'`.

    Args:
        name: Name on the hub, or a local folder that `datasets.load_dataset` takes.
        split: Split, also a slice of one such as `train[:1000]`.
        subset: Configuration of the data set, if it has several.
        revision: Branch, tag or commit; empty: the newest. Name a commit to make a run repeatable.
        question: Column of the question's text.
        answer: Column of the gold answer; numbers are taken as their text, and of a list all parts are asked for.
        id: Column of a unique id; empty: the row's number.
        difficulty: Column of the difficulty label; empty: all questions have one difficulty.
        limit: Read so many rows from the start; 0: all.
    """

    def __init__(
        self,
        name: str,
        split: str = "train",
        subset: str = "",
        revision: str = "",
        question: str = "question",
        answer: str = "answer",
        id: str = "",
        difficulty: str = "",
        limit: int = 0,
    ) -> None:
        if not name or limit < 0:
            raise InputError(f"HubQuestions needs a name and limit >= 0 (0 reads all rows), got {name!r} and {limit}.")
        self.name = name
        self.split = split
        self.subset = subset
        self.revision = revision
        self.columns = Columns(question, answer, id, difficulty)
        self.limit = limit

    def load(self) -> list[Question]:
        """Reads the questions of the split, up to `limit`."""
        source = f"{self.name}[{self.split}]"
        table = load_table(self.name, self.split, self.subset, self.revision)
        check_columns(source, table.column_names, self.columns)
        table = table.select(range(min(self.limit or len(table), len(table))))
        rows = told_of_lists(source, rows_of(table, self.columns.used), self.columns.answer)
        return to_questions(source, rows, self.columns)


def load_table(name: str, split: str, subset: str = "", revision: str = "") -> Any:  # noqa: ANN401
    """Loads a split as a `datasets.Dataset`; the package `datasets` is optional.

    Raises:
        InputError: The package is missing, or the data set or its split cannot be had.
    """
    source = f"{name}[{split}]"
    try:
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError
    except ImportError as error:
        raise InputError(
            f"{source}: expected the package `datasets` to read it ({error}). Run: pip install 'p2o[hub]'."
        ) from error
    try:
        return load_dataset(name, subset or None, split=split, revision=revision or None)
    except (DatasetsError, OSError, ValueError) as error:
        raise InputError(
            f"{source}: expected a data set on the Hugging Face hub or a local folder, and a split of it. "
            f"datasets says: {error}" + (f" ({error.__cause__})" if error.__cause__ else "")
        ) from error


def rows_of(table: Any, columns: list[str]) -> Iterator[NumberedRow]:  # noqa: ANN401 (the package is optional)
    """The rows of a `datasets.Dataset` with some of its columns; a label is its name, and None where there is none."""
    from datasets import ClassLabel

    chosen = table.select_columns(columns)
    labels = {name: kind.names for name, kind in chosen.features.items() if isinstance(kind, ClassLabel)}
    for number, row in enumerate(arrow_rows(chosen.with_format("arrow").iter(ROWS)), 1):
        named = {name: names[row[name]] if row[name] in range(len(names)) else None for name, names in labels.items()}
        yield number, row | named
