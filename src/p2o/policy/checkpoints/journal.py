"""Keeps the iterations of an evolution as they end: a checkpoint for each of them would hold the weights each time."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.processes import on_first, rank
from p2o.io.files import write_text
from p2o.policy.checkpoints.callback import checkpoint_of


@dataclass(frozen=True)
class Journal:
    """A file beside the checkpoints, which belongs to the one that was written before the evolution began.

    Args:
        path: The file.
        checkpoint: Id of that checkpoint: a run that goes on from another one does not read it.
    """

    path: Path
    checkpoint: str

    @classmethod
    def of(cls, trainer: Trainer) -> "Journal | None":
        """The journal of the evolution that begins; None if there is no checkpoint to go on from."""
        callback = checkpoint_of(trainer)
        return cls(callback.journal, callback.id) if callback is not None and callback.id else None

    def write(self, content: dict[str, Any]) -> None:
        """Replaces what was kept before."""
        if rank() == 0:
            write_text(self.path, json.dumps({"checkpoint": self.checkpoint, **content}))

    def read(self) -> dict[str, Any] | None:
        """What an earlier process kept of this evolution, on every process; None if there is nothing."""
        return on_first(self._read)

    def _read(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        if content["checkpoint"] != self.checkpoint:
            return None
        done = len(content["phase"]["search"]["history"]["iterations"])
        rank_zero_info(f"The evolution goes on after the {done} iterations that {self.path} has.")
        return content
