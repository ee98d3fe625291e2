"""When checkpoints are written, and which of them are kept."""

import signal
import time
import uuid
from pathlib import Path
from typing import Any, Literal

from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn

from p2o.distributed.preemption import Preempted, forget, listen, requested
from p2o.distributed.processes import gather
from p2o.errors import InputError
from p2o.policy.checkpoints.held_stop import hold_stop, stop_as_decided
from p2o.policy.checkpoints.place import Place, check_processes, place_of, set_place
from p2o.policy.checkpoints.run_section import keep_patience, restore_metrics, run_section
from p2o.policy.checkpoints.state import counts_of
from p2o.policy.checkpoints.storage import WholeFiles, link, make_last, sweep
from p2o.rollouts import StepFailed

LAST = "last.ckpt"


class RunCheckpoint(ModelCheckpoint):
    """Writes `last.ckpt` every now and then, from which the run goes on bitwise, and `epoch=N.ckpt` after epochs.

    Args:
        dirpath: Where they go; by default `checkpoints` in the run folder.
        filename: Of the checkpoint of an epoch.
        monitor: Metric by which the best epochs are chosen, such as val/bare/all; by default the newest is kept.
        mode: Whether the best has the largest or the smallest value of it.
        save_top_k: Epochs that are kept; -1: all, 0: `last.ckpt` alone.
        every_n_epochs: Only epochs whose number, counted from 1, is a multiple of it are candidates.
        keep_every_n_epochs: Epochs whose number, counted from 1, is a multiple of it are kept for ever; 0: none.
        every_n_minutes: Minutes from one `last.ckpt` to the next within an epoch; 0: at the ends of epochs alone.
        every_n_steps: Rollout batches from one `last.ckpt` to the next within an epoch; 0: by the clock alone.
    """

    def __init__(
        self,
        dirpath: str | None = None,
        filename: str = "{epoch}",
        monitor: str | None = None,
        mode: Literal["min", "max"] = "max",
        save_top_k: int = 1,
        every_n_epochs: int = 1,
        keep_every_n_epochs: int = 0,
        every_n_minutes: float = 30.0,
        every_n_steps: int = 0,
    ) -> None:
        if min(keep_every_n_epochs, every_n_minutes, every_n_steps) < 0 or every_n_epochs < 1:
            raise InputError(
                "checkpoint: expected every_n_epochs >= 1 and keep_every_n_epochs, every_n_minutes and every_n_steps "
                f">= 0 (0 is off), got {every_n_epochs}, {keep_every_n_epochs}, {every_n_minutes} and {every_n_steps}."
            )
        super().__init__(
            dirpath=dirpath,
            filename=filename,
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            save_last=False,  # see `_save`
            every_n_epochs=every_n_epochs,
            save_on_train_epoch_end=True,
            enable_version_counter=False,  # a resumed run replaces what its killed process had written
        )
        self.keep_every_n_epochs = keep_every_n_epochs
        self.every_n_minutes, self.every_n_steps = every_n_minutes, every_n_steps
        self.seconds = 0.0  # that writing took, in all processes of the run
        self.id = ""  # of the checkpoint that was written or loaded last
        self._saved = Place(0)  # what it holds, or what a new run needs none for
        self._target: Place | None = None  # of the checkpoint that is being written
        self._clock = time.monotonic()
        self._loaded: dict[str, Any] | None = None
        self._taken_over: str | Path | None = None  # what the last checkpoint was made
        self._stops = False  # decided for the end of the epoch, maybe before the checkpoint that was loaded
        self._counts: dict[str, Any] = {}  # at the last safe point: what is begun after it is done anew

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Has the Trainer write whole files."""
        super().setup(trainer, pl_module, stage)
        self._taken_over, self._stops = None, False
        forget()  # what an earlier run in this process has received
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = WholeFiles()

    @property
    def last(self) -> Path:
        """The checkpoint that the run goes on from."""
        return Path(str(self.dirpath)) / LAST

    @property
    def journal(self) -> Path:
        """Where the evolution that follows a checkpoint keeps its iterations."""
        return Path(str(self.dirpath)) / "evolution.json"

    # ---- when

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes on with what the epoch had logged, and listens to signals: Lightning has set handlers of its own."""
        listen()
        if trainer.received_sigterm:  # before this: Lightning would end the run with status 0
            raise Preempted(signal.SIGTERM)
        self._clock = time.monotonic()
        if self._loaded is not None:
            restore_metrics(trainer, self._loaded)
            self._loaded = None
        self.take_over(trainer)
        if trainer.is_global_zero:  # after this: the checkpoint may have been found aside
            sweep(Path(trainer.default_root_dir))

    def take_over(self, trainer: Trainer) -> bool:
        """Makes what a run goes on from its last checkpoint, once; tells whether it had another one, or none."""
        path = trainer.ckpt_path
        if not path or path == self._taken_over or not trainer.is_global_zero or not saves(trainer):
            return False
        self._taken_over = path
        return make_last(Path(path), self.last, self.journal, self.id)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Where nothing was left to train, the checkpoint was not taken over before."""
        self.take_over(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:  # noqa: ANN401 (Lightning's signature)
        """A safe point: the last step is logged, and nothing of the next one is done."""
        self._counts = counts_of(pl_module).state_dict()
        self._safe_point(trainer, due=self.every_n_steps > 0 and batch_idx % self.every_n_steps == 0)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:  # noqa: ANN401
        """The step is done, and counts with the batch. Nothing is saved: Lightning would before it logs the step."""
        self._counts = counts_of(pl_module).state_dict()
        self._stops |= hold_stop(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A safe point: the epoch lacks its validation."""
        if trainer.state.fn is TrainerFn.FITTING:
            self._counts = counts_of(pl_module).state_dict()
            self._safe_point(trainer)
        else:
            listen()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listens to the signals that ask a run to stop, in tests as well."""
        listen()

    def before_evolution(self, trainer: Trainer, due: bool) -> None:
        """Stops a run that was to stop; if evolution is due, saves a checkpoint first: it may take long."""
        if self._stops:
            self._stops = False
            stop_as_decided(trainer)
        if due and saves(trainer) and place_of(trainer) != self._saved:
            self._save(trainer, place_of(trainer))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing is saved: the checkpoint of an epoch comes after its evolution."""
        self._counts = counts_of(pl_module).state_dict()
        self._stops |= trainer.state.fn is TrainerFn.FITTING and hold_stop(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The epoch is complete: this callback runs last."""
        if not saves(trainer):
            return
        number = trainer.current_epoch + 1
        self._target, started = Place(number), time.monotonic()
        self._last_checkpoint_saved = ""
        self.last_model_path = str(self.last)
        if number % self._every_n_epochs == 0:
            self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))
            self.seconds += time.monotonic() - started
        self._save(trainer, Place(number), self._last_checkpoint_saved)
        if trainer.is_global_zero:
            self.journal.unlink(missing_ok=True)  # the checkpoint has the whole evolution
        if self.keep_every_n_epochs and number % self.keep_every_n_epochs == 0 and trainer.is_global_zero:
            link(self.last, self.last.with_name(f"kept-epoch={trainer.current_epoch}.ckpt"))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """A signal ends the run, or a sampler that cannot go on: all that it has done, and paid for, is kept."""
        if isinstance(exception, Preempted) and trainer.state.fn is not TrainerFn.FITTING:
            exception.place = "without a result"
        elif isinstance(exception, Preempted | StepFailed) and saves(trainer):
            counts = counts_of(pl_module)
            paid = exception.paid if isinstance(exception, StepFailed) else counts.keeps_more(self._counts)
            # Before the first step a signal may have come to one process alone, and the others gather nothing.
            if place_of(trainer) != self._saved or (self._counts and any(gather(paid))):
                counts.undo(self._counts)
                self._save(trainer, place_of(trainer))
            if self.id:
                exception.place = f"{self._saved}; {self.last_model_path} has all of it"

    def _safe_point(self, trainer: Trainer, due: bool = False) -> None:
        """Saves if it is time to, on all processes or none, and ends the run if a signal has asked one of them."""
        elapsed = time.monotonic() - self._clock
        late = self.every_n_minutes > 0 and elapsed > 60 * self.every_n_minutes
        everyones = gather((requested(), late))
        if number := max(number for number, _ in everyones):
            raise Preempted(number)
        place = place_of(trainer)
        if (due or everyones[0][1]) and place.within_epoch and place != self._saved and saves(trainer):
            self._save(trainer, place)

    # ---- what

    def _save(self, trainer: Trainer, place: Place, same: str = "") -> None:
        """Writes `last.ckpt`, or makes it a second name of a checkpoint that was just written."""
        started = time.monotonic()
        self.last_model_path = str(self.last)
        if same and trainer.is_global_zero:
            link(Path(same), self.last)
        elif not same:
            self._target = place
            trainer.save_checkpoint(self.last_model_path, weights_only=False)  # unset, Lightning says so
        trainer.strategy.barrier("RunCheckpoint")
        self._saved, self._target, self._clock = place, None, time.monotonic()
        self.seconds += self._clock - started

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds where the run stands and what the epoch has logged, and corrects the counts of Lightning."""
        place = self._target or place_of(trainer)
        set_place(checkpoint["loops"]["fit_loop"], trainer, place)
        self.id = trainer.strategy.broadcast(uuid.uuid4().hex)
        section = run_section(trainer, place, stops=trainer.should_stop or self._stops)
        checkpoint["p2o_run"] = {"id": self.id, "seconds": self.seconds, **section}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keeps what `on_train_start` goes on with.

        Raises:
            InputError: It is of a place within an epoch, and this run has more or fewer processes.
        """
        run = checkpoint.get("p2o_run")
        if run is None or trainer.state.fn is not TrainerFn.FITTING:
            return
        self.id, self._saved, self._loaded = run["id"], Place(**run["place"]), run
        self.seconds, self._stops = run["seconds"], run.get("stops", False)  # earlier releases did not keep it
        keep_patience(trainer, checkpoint)
        check_processes(self._saved, len(run["epoch_means"]), trainer.world_size)


def saves(trainer: Trainer) -> bool:
    """Whether a run writes to its folder: a trial of some batches does not."""
    return not vars(trainer)["fast_dev_run"]


def checkpoint_of(trainer: Trainer) -> RunCheckpoint | None:
    """The callback that writes the checkpoints of a run, beside others of the user's own; None if there is none."""
    return next((callback for callback in trainer.checkpoint_callbacks if isinstance(callback, RunCheckpoint)), None)
