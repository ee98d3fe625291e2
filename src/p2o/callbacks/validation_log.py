"""Stores what became of every validation question: a table for each epoch."""

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from p2o.distributed.unions import first_rank_wins
from p2o.io.tables import write_parquet
from p2o.policy.checkpoints.callback import saves
from p2o.run_folder.log_columns import VALIDATION_LOG
from p2o.run_folder.paths import RunPaths

Key = tuple[str, str]  # context, id of the question


class ValidationLog(Callback):
    """Writes `validation/epoch-N.parquet`: a row for each context and question of the validation after epoch N.

    `p2o compare` needs these tables: its bootstrap resamples questions.

    Args:
        enabled: Whether anything is written.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._rows: dict[Key, dict[str, Any]] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the answers of the last validation."""
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
        """Keeps what became of each question in each context."""
        for context, rollouts in outputs["rollouts"].items():
            for rollout in rollouts:
                row = VALIDATION_LOG.row(rollout, epoch=trainer.current_epoch, context=context)
                self._rows[context, rollout.question.id] = row

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the validation of all processes, if it is that of an epoch."""
        if not self.enabled or not saves(trainer) or not follows_training(trainer):
            return
        rows = first_rank_wins(self._rows)
        if trainer.is_global_zero:
            path = RunPaths(Path(trainer.default_root_dir)).validation(trainer.current_epoch)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_parquet(path, rows.values(), VALIDATION_LOG.schema())


def follows_training(trainer: Trainer) -> bool:
    """Whether a validation is that of an epoch, and neither `p2o validate` nor a check before training."""
    return trainer.state.fn is TrainerFn.FITTING and not trainer.sanity_checking
