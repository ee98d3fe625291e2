"""Stores what became of every validation question: one Parquet file an epoch."""

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from p2o.distributed.processes import gather
from p2o.errors import InputError
from p2o.io.tables import write_parquet
from p2o.run_folder.rollout_rows import RolloutRows

Key = tuple[str, str]  # context, id of the question

COLUMNS = RolloutRows(("epoch", "context", "id", "difficulty", "correct", "outcome", "tokens"))


class ValidationLog(Callback):
    """Writes `epoch-N.parquet`: a row per context and question of the validation after epoch N of `p2o fit`.

    `p2o compare` reads them: its bootstrap resamples questions.

    Args:
        folder: Where they go, within `trainer.default_root_dir`.
    """

    def __init__(self, folder: str = "validation") -> None:
        if not folder:
            raise InputError("outcomes.folder: expected the name of a folder within trainer.default_root_dir, got ''.")
        self.folder = folder
        self._rows: dict[Key, dict[str, Any]] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts anew."""
        self._rows = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Observes graded completions, by context."""
        for context, rollouts in outputs["rollouts"].items():
            for rollout in rollouts:
                row = COLUMNS.row(rollout, epoch=trainer.current_epoch, context=context)
                self._rows[context, rollout.question.id] = row

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epoch, if it is one of training."""
        if trainer.state.fn is not TrainerFn.FITTING:
            return
        rows: dict[Key, dict[str, Any]] = {}
        for theirs in gather(self._rows):  # a question that two processes had for padding counts once
            rows |= theirs
        if trainer.is_global_zero:
            write(Path(trainer.default_root_dir) / self.folder, trainer.current_epoch, list(rows.values()))


def write(folder: Path, epoch: int, rows: list[dict[str, Any]]) -> None:
    """Adds an epoch to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / f"epoch-{epoch:04d}.parquet", rows, COLUMNS.schema())
