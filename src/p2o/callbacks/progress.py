"""The Trainer's part of the progress: epochs, validation and test."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from copy import copy
from itertools import chain
from statistics import fmean
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar

from p2o.errors import InputError
from p2o.mixture.data_module import mixture_of
from p2o.mixture.hard_set import HardSet
from p2o.policy.checkpoints.place import place_of
from p2o.progress import Style, Task, show, task
from p2o.types import Rollout


class LiveProgress(ProgressBar):
    """Epochs, rollouts and updates, evolution, iterations and phases as nested bars with rates and the time left.

    Args:
        style: `bars` redraws them in place, `lines` writes a line now and then, `off` shows nothing; `auto` takes bars
            in a terminal or a notebook and lines elsewhere. `trainer.enable_progress_bar: false` is `off`.
        seconds: Between two lines, at least.
    """

    steps: Task
    batches: Task

    def __init__(self, style: Style = "auto", seconds: float = 60.0) -> None:
        super().__init__()
        if seconds < 0:
            raise InputError(f"progress.seconds must be at least 0, got {seconds}.")
        self.style = style
        self.seconds = seconds
        self._rewards: list[float] = []  # of this epoch, on this process
        self._training = ExitStack()
        self._evaluation = ExitStack()

    def disable(self) -> None:
        """Lightning calls it on all processes but the first."""
        self.style = "off"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Chooses the display that the config asks for."""
        super().setup(trainer, pl_module, stage)
        show(self.style, self.seconds)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts steps over all epochs, so that the time left is that of the run."""
        batches = int(trainer.num_training_batches)
        total = batches * max(0, trainer.max_epochs or 0)  # -1: as many as there will be
        done = batches * trainer.current_epoch + place_of(trainer).batch  # of the run that is resumed
        self.steps = self._training.enter_context(task("training", total, "step", done))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Names the epoch; numbers start at 0, as everywhere."""
        self.steps.title, self.steps.note = f"epoch {trainer.current_epoch}", ""
        self._rewards = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Counts the rollout batch and its updates as one step."""
        self._rewards += [rollout.reward for rollout in outputs["rollouts"]]
        self.steps.note = epoch_so_far(self._rewards, mixture_of(trainer).hard_set, chain(*outputs["groups"]))
        self.steps.advance()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the bar of the epochs."""
        self._training.close()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the bar of a validation, within an epoch or of `p2o validate`."""
        self._evaluate("validation", trainer.num_val_batches)

    def _evaluate(self, title: str, batches: Sequence[int | float]) -> None:
        self.batches = self._evaluation.enter_context(task(title, int(sum(batches)), "batch"))

    def on_validation_batch_end(self, *_: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Counts a batch of validation questions."""
        self.batches.advance()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the bar of the validation."""
        self._evaluation.close()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the bar of `p2o test`."""
        self._evaluate("test", trainer.num_test_batches)

    def on_test_batch_end(self, *_: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Counts a batch of benchmark questions."""
        self.batches.advance()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the bar of the test."""
        self._evaluation.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Closes all bars, since the message of an error belongs below them."""
        self._evaluation.close()
        self._training.close()


def epoch_so_far(rewards: Sequence[float], hard_set: HardSet, batch: Iterable[Rollout]) -> str:
    """The mean reward of an epoch and its hard questions, as far as it has come.

    Args:
        rewards: Of its rollouts.
        hard_set: What it has counted before the last batch: evolution, which tells it, runs after this.
        batch: Rollouts of the last batch.
    """
    seen = copy(hard_set)
    seen.current = dict(hard_set.current)
    seen.observe(batch)
    return f"reward {fmean(rewards):.3f}, hard {len(seen.hard_so_far())} of {len(seen.current)} asked"
