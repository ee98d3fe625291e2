"""The summary of a run: one line per epoch on the console, `summary.json` in the run folder."""

import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.unions import summed
from p2o.evolution.callback import TemplateEvolution
from p2o.io.files import write_json
from p2o.mixture.data_module import mixture_of
from p2o.policy.module import PolicyModule
from p2o.run_folder.paths import RunPaths

History = dict[str, dict[str, float] | None]  # {"bare": {"easy": 0.98, "hard": 0.01}, "templated": None}


class RunSummary(Callback):
    """Prints a line after every epoch and writes `summary.json`, so that a killed run has one too.

    `p2o report` and `p2o compare` need the file.

    Args:
        enabled: Whether the file is written; the line is printed in any case.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.seconds = 0.0  # of training before this process
        self.epochs: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._epoch_started = time.monotonic()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock of the run."""
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock of the epoch."""
        self._epoch_started = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds the evolution that a resumed run has just made up for."""
        if self.epochs:
            self.epochs[-1].update(evolved(trainer, trainer.current_epoch - 1), **spent_so_far(pl_module))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs after evolution: callbacks run in their order, and `p2o fit` puts this one behind it."""
        self.epochs.append(
            {
                "reward": round(float(trainer.callback_metrics["train/reward_epoch"]), 6),
                "hard_set": len(mixture_of(trainer).hard_set.hard),
                "validation": validation_accuracies(trainer.callback_metrics),
                **spent_so_far(pl_module),
                "seconds": round(time.monotonic() - self._epoch_started, 2),
                **evolved(trainer, trainer.current_epoch),
            }
        )
        rank_zero_info(epoch_line(trainer.current_epoch, self.epochs[-1]))
        if self.enabled and trainer.is_global_zero:
            write_json(RunPaths(Path(trainer.default_root_dir)).summary, self.summary())

    def summary(self) -> dict[str, Any]:
        """The summary after the epochs so far; other tools read its names."""
        return {
            "seconds": round(self._elapsed(), 2),
            "epochs": len(self.epochs),
            "rollouts": self.epochs[-1]["rollouts"],
            "tokens": self.epochs[-1]["tokens"],
            "hard_set": [epoch["hard_set"] for epoch in self.epochs],
            "templates": [epoch["templates"] for epoch in self.epochs],
            "validation": self.epochs[-1]["validation"],
            "history": [epoch["validation"] for epoch in self.epochs],
            "reward": [epoch["reward"] for epoch in self.epochs],
            "best_dev_score": [epoch["best_dev_score"] for epoch in self.epochs],
            "epoch_seconds": [epoch["seconds"] for epoch in self.epochs],
            "rollout_history": [epoch["rollouts"] for epoch in self.epochs],  # so far, after each epoch's evolution
        }

    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self._started

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far and the seconds that they took, in plain types."""
        return {"seconds": self._elapsed(), "epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues the summary of the run that is resumed."""
        self.seconds = state_dict["seconds"]
        self.epochs = list(state_dict["epochs"])


def spent_so_far(module: LightningModule) -> dict[str, dict[str, int]]:
    """Completions and their tokens by phase, of all processes of a distributed run together."""
    assert isinstance(module, PolicyModule)
    return {name: summed(counts) for name, counts in module.counts.state_dict().items()}


def evolved(trainer: Trainer, epoch: int) -> dict[str, Any]:
    """Size of the bank and best dev score of the evolution after an epoch; 0 and None if there was none."""
    reports = next(callback.reports for callback in trainer.callbacks if isinstance(callback, TemplateEvolution))  # type: ignore[attr-defined]
    report = next((report for report in reports if report["epoch"] == epoch), {"bank": 0, "best_dev_score": None})
    return {"templates": report["bank"], "best_dev_score": report["best_dev_score"]}


def validation_accuracies(metrics: Any) -> History:  # noqa: ANN401 (Lightning's mapping of tensors)
    """`val/<context>/<difficulty>` metrics as nested dicts; a context that was not validated is None."""
    found: History = {"bare": None, "templated": None}
    for name, value in metrics.items():
        if name.startswith("val/"):
            _, context, difficulty = name.split("/", 2)
            found[context] = {**(found[context] or {}), difficulty: round(float(value), 6)}
    return found


def epoch_line(number: int, epoch: dict[str, Any]) -> str:
    """What the console says of an epoch, in one line."""
    parts = [f"epoch {number:>2}", f"reward {epoch['reward']:.3f}", f"hard questions {epoch['hard_set']:>4}"]
    for context, accuracies in epoch["validation"].items():
        shown = " ".join(f"{name} {value:.1%}" for name, value in accuracies.items()) if accuracies else "-"
        parts.append(f"{context}: {shown}")
    if epoch["best_dev_score"] is not None:
        parts.append(f"evolution: best dev {epoch['best_dev_score']:.1%}, bank {epoch['templates']}")
    return " | ".join([*parts, f"{epoch['seconds']:.0f} s"])
