"""Stores completions of a fixed sample of questions, so that the same question can be read epoch after epoch."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from p2o.callbacks.validation_log import follows_training
from p2o.distributed.processes import gather, of_this_process
from p2o.distributed.unions import concatenated
from p2o.errors import InputError
from p2o.io.row_spool import RowSpool
from p2o.io.tables import write_parquet
from p2o.mixture.data_module import mixture_of
from p2o.policy.checkpoints.callback import saves
from p2o.run_folder.log_columns import ROLLOUT_LOG
from p2o.run_folder.paths import Part, RunPaths
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout


class RolloutLog(Callback):
    """Writes `rollouts/train-epoch-N.parquet` and `validation-epoch-N.parquet`, a row for each completion.

    The questions are the same in every epoch: those whose ids hash lowest. `p2o report` shows some of them, and
    `p2o grade` takes the files as they are. Completions wait in a temporary file for the end of their epoch.

    Args:
        enabled: Whether anything is written.
        train: Training questions whose completions are kept; -1: all.
        validation: Validation questions whose completions are kept, bare and templated; -1: all.
        epochs: Epochs whose completions are kept: the first one and the latest; -1: all.
    """

    def __init__(self, enabled: bool = True, train: int = 24, validation: int = 24, epochs: int = 20) -> None:
        if min(train, validation) < -1:
            raise InputError(
                f"rollout_log: expected train and validation to be -1 (all) or more, got {train} and {validation}."
            )
        if epochs < 2 and epochs != -1:
            raise InputError(f"rollout_log.epochs: expected at least 2, the first and the last, or -1, got {epochs}.")
        self.enabled = enabled
        self.train = train
        self.validation = validation
        self.epochs = epochs
        self._kept: dict[Part, set[str]] = {"train": set(), "validation": set()}  # the parts may share ids
        self._asked: Counter[str] = Counter()  # completions of a question in this epoch, on this process
        self._spools: dict[Part, RowSpool] = {}  # on the first process alone
        self._resumed: int | None = None  # bytes of the training spool that a resumed run goes on with

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Chooses the questions whose completions are kept."""
        data = mixture_of(trainer)
        if self.enabled and saves(trainer):
            self._kept = {
                "train": set(chosen(data.train_questions, self.train)),
                "validation": set(chosen(data.validation_questions, self.validation)),
            }

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes on with the rows of a resumed epoch."""
        if self._resumed is not None and trainer.is_global_zero and self._kept["train"]:
            path = _spool(trainer, "train")
            if not self._resumed or (path.exists() and path.stat().st_size >= self._resumed):
                self._spools["train"] = RowSpool(path, self._resumed)
            else:
                rank_zero_warn(
                    f"{path}: expected the training completions of this epoch so far, which the checkpoint goes on "
                    "with. The rollout log of the epoch will lack them; training does not need them."
                )
                self._begin(trainer, "train")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the epoch's file of training completions."""
        self._asked.clear()
        self._sweep(trainer)
        self._begin(trainer, "train")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Keeps the rollouts of chosen questions."""
        self._keep(trainer, "train", outputs["groups"])

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the epoch's file of validation completions, if it is that of an epoch."""
        if follows_training(trainer):
            self._begin(trainer, "validation")

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps the answers to chosen questions in each context."""
        if follows_training(trainer):
            self._keep(trainer, "validation", [[rollout] for part in outputs["rollouts"].values() for rollout in part])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the completions of the epoch's validation."""
        self._write(trainer, "validation")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the completions of the epoch's training."""
        self._write(trainer, "train")
        self._asked.clear()  # a checkpoint between epochs has nothing of the last one

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Deletes the temporary file of the last epoch: its checkpoint is written."""
        self._sweep(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leaves the training completions of an epoch that did not end to the run that goes on with it.

        Their file stays open: the checkpoint of a run that a signal ends is written after this.
        """
        if (validation := self._spools.pop("validation", None)) is not None:
            validation.delete()

    def state_dict(self) -> dict[str, Any]:
        """How far the epoch has come: its rows stay in the temporary file, which may be large."""
        spool = self._spools.get("train")
        return {"asked": gather(dict(self._asked)), "size": spool.size if spool is not None else None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` described."""
        self._asked = Counter(of_this_process(state_dict["asked"]) or {})
        self._resumed = state_dict["size"]

    def _begin(self, trainer: Trainer, part: Part) -> None:
        if trainer.is_global_zero and self._kept[part]:
            self._spools[part] = RowSpool(_spool(trainer, part))

    def _sweep(self, trainer: Trainer) -> None:
        """Deletes temporary files that no checkpoint goes on with any more."""
        if trainer.is_global_zero:
            for path in _spool(trainer, "train").parent.glob(".train-*.part"):
                path.unlink()

    def _keep(self, trainer: Trainer, part: Part, groups: Sequence[Sequence[Rollout]]) -> None:
        """Adds the rollouts of all processes; a question that two of them had for padding counts once."""
        if not self._kept[part]:
            return
        rows = []
        for group in groups:
            question = group[0].question.id
            if question not in self._kept[part]:
                continue
            first = self._asked[question] if part == "train" else 0
            self._asked[question] += len(group) if part == "train" else 0
            for number, rollout in enumerate(group, first):
                context = "templated" if rollout.template else "bare"
                rows.append(ROLLOUT_LOG.row(rollout, epoch=trainer.current_epoch, context=context, sample=number))
        spool = self._spools.get(part)
        for row in concatenated(rows):
            if spool is not None:
                spool.add((row["id"], row["sample"], row["context"]), row)

    def _write(self, trainer: Trainer, part: Part) -> None:
        spool = self._spools.pop(part, None)
        if spool is not None:
            if len(spool):
                write_parquet(_path(trainer, part), spool, ROLLOUT_LOG.schema())
            if part == "train":  # until the checkpoint of the epoch is written
                spool.close()
            else:
                spool.delete()
            if self.epochs != -1:
                paths = RunPaths(Path(trainer.default_root_dir))
                for epoch in range(1, trainer.current_epoch - self.epochs + 2):
                    paths.rollouts(part, epoch).unlink(missing_ok=True)


def chosen(questions: Sequence[Question], count: int) -> list[str]:
    """Ids of `count` questions, or of all: a sample that does not depend on their order or on the seed of the run."""
    ids = sorted((question.id for question in questions), key=lambda id: derive_seed(0, "completions", id))
    return ids if count == -1 else ids[:count]


def _spool(trainer: Trainer, part: Part) -> Path:
    path = _path(trainer, part)
    return path.with_name(f".{path.name}.part")


def _path(trainer: Trainer, part: Part) -> Path:
    return RunPaths(Path(trainer.default_root_dir)).rollouts(part, trainer.current_epoch)
