"""Stores completions of a fixed sample of questions, so that the same question can be read epoch after epoch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from p2o.distributed.processes import gather
from p2o.errors import InputError
from p2o.io.tables import write_parquet
from p2o.mixture.data_module import mixture_of
from p2o.run_folder.rollout_rows import RolloutRows
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout

Rows = dict[tuple[str, int, str], dict[str, Any]]  # id, number, context -> row; a question met twice counts once

PLACE = ("epoch", "context", "id", "difficulty", "sample")
COLUMNS = RolloutRows(
    (*PLACE, "question", "answer", "template", "completion", "truncated", "tokens", "reward", "outcome", "extracted")
)


class CompletionLog(Callback):
    """Writes `train-epoch-N.parquet` and `validation-epoch-N.parquet`, a row per completion, as `p2o grade` reads them.

    The same questions in every epoch: those whose ids hash lowest.

    Args:
        train: Training questions whose completions are kept; -1: all. They stay in memory until the epoch ends.
        validation: Validation questions whose completions are kept, bare and templated; -1: all.
        folder: Where they go, within `trainer.default_root_dir`.
    """

    def __init__(self, train: int = 24, validation: int = 24, folder: str = "completions") -> None:
        if min(train, validation) < -1 or not folder:
            raise InputError(
                "completions: expected train and validation to be -1 (all) or more and a name of a folder, got "
                f"{train}, {validation} and {folder!r}."
            )
        self.train = train
        self.validation = validation
        self.folder = folder
        self._kept: set[str] = set()
        self._train_rows: Rows = {}
        self._validation_rows: Rows = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Chooses the questions."""
        data = mixture_of(trainer)
        self._kept = set(chosen(data.train_questions, self.train) + chosen(data.validation_questions, self.validation))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts anew."""
        self._train_rows = {}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Observes the rollouts of chosen questions."""
        for group in outputs["groups"]:
            asked = sum(id == group[0].question.id for id, _, _ in self._train_rows)  # before, in this epoch
            self._keep(self._train_rows, trainer.current_epoch, group, asked)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts anew."""
        self._validation_rows = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Observes the answers to chosen questions in each context."""
        for rollouts in outputs["rollouts"].values():
            for rollout in rollouts:
                self._keep(self._validation_rows, trainer.current_epoch, [rollout])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epoch's validation, if it is one of training."""
        if trainer.state.fn is TrainerFn.FITTING:
            self._write(trainer, "validation", self._validation_rows)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epoch's training."""
        self._write(trainer, "train", self._train_rows)

    def _keep(self, rows: Rows, epoch: int, group: Sequence[Rollout], first: int = 0) -> None:
        if group[0].question.id in self._kept:
            for number, rollout in enumerate(group, first):
                context = "templated" if rollout.template else "bare"
                rows[rollout.question.id, number, context] = COLUMNS.row(
                    rollout, epoch=epoch, context=context, sample=number
                )

    def _write(self, trainer: Trainer, kind: str, mine: Rows) -> None:
        rows: Rows = {}
        for theirs in gather(mine):
            rows |= theirs
        if trainer.is_global_zero and rows:
            folder = Path(trainer.default_root_dir) / self.folder
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{kind}-epoch-{trainer.current_epoch:04d}.parquet"
            write_parquet(path, [rows[key] for key in sorted(rows)], COLUMNS.schema())


def chosen(questions: Sequence[Question], count: int) -> list[str]:
    """Ids of `count` questions, or of all: a sample that does not depend on their order or on the seed of the run."""
    ids = sorted((question.id for question in questions), key=lambda id: derive_seed(0, "completions", id))
    return ids if count == -1 else ids[:count]
