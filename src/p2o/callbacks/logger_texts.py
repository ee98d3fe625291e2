"""Sends templates and some completions to loggers that show texts: TensorBoard and Weights & Biases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

from p2o.callbacks.console_samples import in_turn
from p2o.callbacks.evolution_log import lineage
from p2o.errors import InputError
from p2o.evolution.callback import TemplateEvolution
from p2o.io.places import naming
from p2o.io.tables import spelled_out
from p2o.policy.checkpoints.place import logged_step
from p2o.run_folder.paths import RunPaths
from p2o.types import Rollout

LONGEST = 4000  # characters of a cell
TEMPLATES = ("text", "status", "parent", "dev_score", "weight", "iteration")
COMPLETIONS = ("question", "template", "completion", "outcome", "reward", "answer")


class LoggerTexts(Callback):
    """Sends a table of each evolution's templates, and one of some completions of each epoch, to the loggers.

    Loggers that show no texts get none, and nothing is sent that the run folder does not hold as well.

    Args:
        enabled: Whether anything is sent.
        completions: Of each epoch, from its first rollout batch: bare and templated ones in turn.
    """

    def __init__(self, enabled: bool = True, completions: int = 4) -> None:
        if completions < 0:
            raise InputError(f"logger_texts.completions: expected at least 0, which sends none, got {completions}.")
        self.enabled = enabled
        self.completions = completions

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Sends some completions of the epoch's first rollout batch."""
        if self.enabled and batch_idx == 0 and trainer.is_global_zero:
            rows = [_completion(rollout) for rollout in in_turn(outputs["rollouts"])[: self.completions]]
            send_table(trainer, "completions", COMPLETIONS, rows)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sends the templates of the evolution that a resumed run has just made up for."""
        self._send_templates(trainer, trainer.current_epoch - 1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sends the templates of the evolution that has just ended."""
        self._send_templates(trainer, trainer.current_epoch)

    def _send_templates(self, trainer: Trainer, epoch: int) -> None:
        """Sends those of the evolution after an epoch, if there was one, in the order of the run folder."""
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        evolution = next(callback for callback in callbacks if isinstance(callback, TemplateEvolution))
        evolved = evolution.finished
        if self.enabled and trainer.is_global_zero and evolved is not None and evolved.epoch == epoch:
            rows = [[candidate[name] for name in TEMPLATES] for candidate in lineage(evolved)]
            send_table(trainer, "templates", TEMPLATES, rows)


def send_table(trainer: Trainer, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Sends a table to each logger that shows tables or texts.

    Args:
        trainer: Of the run, whose loggers and step count.
        name: What the logger calls the table.
        columns: Names of the columns.
        rows: Cells of any plain type; long texts lose their end.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        return
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_table(name, columns=list(columns), data=cells, step=logged_step(trainer))
        elif isinstance(logger, TensorBoardLogger):
            with naming(logger.log_dir):
                logger.experiment.add_text(name, _markdown(columns, cells), logged_step(trainer))


def config_as_hyperparameters(trainer: Trainer, config: dict[str, Any]) -> None:
    """Gives every logger the resolved config, without where files go."""
    kept = {name: part for name, part in config.items() if name not in ("config", "ckpt_path")}
    kept["trainer"] = {name: value for name, value in kept["trainer"].items() if name != "logger"}
    kept["run_folder"] = str(RunPaths(Path(trainer.default_root_dir)).root)
    for logger in trainer.loggers:
        logger.log_hyperparams(kept)


def _completion(rollout: Rollout) -> list[Any]:
    question, grade = rollout.question, rollout.grade
    return [question.text, rollout.template, rollout.text, str(grade.outcome), rollout.reward, question.answer]


def _cell(value: Any) -> str | float | None:  # noqa: ANN401 (of any column)
    if isinstance(value, str):
        return str(spelled_out(value[:LONGEST]))
    return None if value is None else float(value)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Each row as its cells in code blocks, which keep line breaks and show no markup."""
    parts = []
    for number, row in enumerate(rows, 1):
        parts.append(f"**{number}**")
        for name, value in zip(columns, row, strict=True):
            shown = str(value).replace("\n", "\n        ")
            parts.append(f"{name}:\n\n        {shown}")
    return "\n\n".join(parts)
