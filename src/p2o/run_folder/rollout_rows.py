"""Rollouts as rows of a Parquet file, in the columns that a file has."""

from dataclasses import dataclass
from typing import Any

from p2o.types import Rollout


@dataclass(frozen=True)
class RolloutRows:
    """What is written of a rollout; `p2o grade` reads the columns that it needs by the same names.

    Args:
        names: Of the columns, in order.
    """

    names: tuple[str, ...]

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
        """For `write_parquet`."""
        import pyarrow as pa

        kinds = dict.fromkeys(("epoch", "sample", "tokens"), pa.int32())
        kinds |= dict.fromkeys(("truncated", "correct"), pa.bool_()) | {"reward": pa.float32()}
        return pa.schema([(name, kinds.get(name, pa.string())) for name in self.names])
