"""The columns of the tables in a run folder: what writers write is what readers expect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.io.tables import read_rows
from p2o.types import Rollout

_NUMBERS = ("epoch", "sample", "tokens")
_FLAGS = ("truncated", "correct", "hard")
_LISTS = ("templates", "outcomes")


@dataclass(frozen=True)
class LogColumns:
    """The columns of one table, in order; their kinds follow from their names.

    Args:
        names: Of the columns.
        counts: Those of them that hold a number where other tables hold true or false.
    """

    names: tuple[str, ...]
    counts: tuple[str, ...] = ()

    def row(self, rollout: Rollout, **place: str | int) -> dict[str, Any]:
        """The row of a rollout; `place` says where it belongs (`epoch`, `context`, `sample`, `benchmark`)."""
        question, completion, grade = rollout.question, rollout.completion, rollout.grade
        known = {
            "id": question.id,
            "difficulty": question.difficulty,
            "question": question.text,
            "answer": question.answer,
            "template": rollout.template,
            "completion": rollout.text,
            "truncated": completion.truncated,
            "tokens": len(completion.ids),
            "correct": rollout.correct,
            "reward": rollout.reward,
            "outcome": str(grade.outcome),
            "extracted": grade.extracted,
            **place,
        }
        return {name: known[name] for name in self.names}

    def schema(self) -> Any:  # noqa: ANN401 (pyarrow's)
        """The table's schema, as `write_parquet` takes it."""
        import pyarrow as pa

        kinds = dict.fromkeys(_NUMBERS, pa.int32()) | dict.fromkeys(_FLAGS, pa.bool_())
        kinds |= dict.fromkeys(_LISTS, pa.list_(pa.string())) | {"reward": pa.float32()}
        kinds |= dict.fromkeys(self.counts, pa.int32())
        return pa.schema([(name, kinds.get(name, pa.string())) for name in self.names])

    def read(self, path: Path) -> Iterator[dict[str, Any]]:
        """The rows of such a table.

        Raises:
            InputError: The file cannot be read, or it has other columns.
        """

        def check(found: Sequence[str]) -> list[str]:
            if missing := [name for name in self.names if name not in found]:
                raise InputError(
                    f"{path}: expected the columns that p2o fit writes, {', '.join(missing)} is missing. Delete the "
                    "file to go on without it."
                )
            return list(self.names)

        return (row for _, row in read_rows(path, check))


QUESTION_LOG = LogColumns(
    ("epoch", "id", "difficulty", "context", "correct", "hard", "templates", "outcomes"), counts=("correct",)
)
ROLLOUT_LOG = LogColumns(
    (
        *("epoch", "context", "id", "difficulty", "sample", "question", "answer", "template", "completion"),
        *("truncated", "tokens", "reward", "outcome", "extracted"),
    )
)
VALIDATION_LOG = LogColumns(("epoch", "context", "id", "difficulty", "correct", "outcome", "tokens"))
BENCHMARK_COMPLETIONS = LogColumns(
    (
        *("benchmark", "id", "sample", "question", "answer", "completion"),
        *("truncated", "tokens", "reward", "outcome", "extracted"),
    )
)
