"""The summary of a run: one line per epoch on the console, `summary.json` in the run folder."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from p2o.callbacks.console_blocks import complete_block, end_block, epoch_line, resume_line, start_block
from p2o.callbacks.epoch_meter import (
    EpochMeter,
    evolved,
    log_pace,
    spent_so_far,
    validation_accuracies,
    warn_of_masked_gap,
    warn_of_truncation,
    with_evolution,
)
from p2o.distributed.processes import gather, of_this_process
from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.mixture.data_module import mixture_of
from p2o.policy.checkpoints.callback import saves
from p2o.policy.checkpoints.place import logged_step, place_of
from p2o.policy.module import PolicyModule
from p2o.progress import Display, PhaseClock, Task, watched_by
from p2o.rollouts.collapse import CollapseWatch
from p2o.run_folder.attempts import Attempts
from p2o.run_folder.paths import RunPaths


class Alive(Display):
    """Notes that a start is alive whenever its work advances, be it training, validation or evolution."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def changed(self, tasks: Sequence[Task]) -> None:
        """Notes it, if the last note is old enough."""
        self._attempts.note()


class RunSummary(Callback):
    """Says what begins and what has ended, prints a line after every epoch, and writes `summary.json` each time.

    It also logs where the time goes: seconds by phase, tokens a second, the share of completions that the length limit
    cut off, and the memory peak. `p2o report` and `p2o compare` need the file.

    Args:
        enabled: Whether files are written; the line is printed in any case.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.epochs: list[dict[str, Any]] = []
        self._clock = PhaseClock()
        self._watching = ExitStack()
        self._meter = EpochMeter()
        self._collapse = CollapseWatch()
        self.seconds = self.epoch_seconds = 0.0  # of training before this process, and of the epoch
        self._started = self._epoch_started = time.monotonic()
        self._phases_before: dict[str, float] = {}  # of the clock, at the beginning of the epoch
        self._phases_resumed: dict[str, float] = {}  # of the epoch, before this process
        self._attempts: list[Attempts] = []  # at most one, on the first process
        self._validated = False  # in this epoch
        self._trains = False  # false to the end where nothing is left to train

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begins to watch a training run, the loading of the policy included."""
        if stage == "fit":
            self._clock = PhaseClock()
            self._watching.enter_context(watched_by(self._clock))
            if self.enabled and trainer.is_global_zero and saves(trainer):
                self._attempts = [Attempts(RunPaths(Path(trainer.default_root_dir)).attempts)]
                self._watching.enter_context(watched_by(Alive(*self._attempts)))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ends the watch; Lightning leaves this out after an error."""
        self._watching.close()
        for attempts in self._attempts:
            attempts.note(at_once=True)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock of the run."""
        self._started = self._epoch_started = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Says what begins, and adds the evolution that a resumed run has just made up for."""
        assert isinstance(pl_module, PolicyModule)
        self._trains = True
        for attempts in self._attempts:  # earlier starts without an epoch were killed before the first checkpoint
            attempts.begin(goes_on=not RunPaths(Path(trainer.default_root_dir)).summary.exists())
        rank_zero_info(start_block(trainer, pl_module))
        if self.epochs and not place_of(trainer).within_epoch:
            made_up_for = evolved(trainer, trainer.current_epoch - 1) | with_evolution(self.epochs[-1], self._phases())
            self.epochs[-1].update(made_up_for, **spent_so_far(pl_module))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clocks of the epoch."""
        self.epoch_seconds, self._epoch_started = 0.0, time.monotonic()
        self._phases_before, self._phases_resumed = self._clock.seconds(), {}
        self._meter, self._validated = EpochMeter(), False

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Takes what a step does besides sampling and grading for its update."""
        self._clock.between_tasks("update")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Counts the step's completions, logs the share of them that was cut off, and tells of a collapse."""
        self._clock.between_tasks("other")
        step = self._meter.add(outputs["rollouts"])
        truncated = step["truncated"] / max(1, step["completions"])
        pl_module.log("train/truncated", truncated, batch_size=step["completions"], on_epoch=True, sync_dist=True)
        for sign in self._collapse.see(outputs["rollouts"]):
            rank_zero_warn(f"step {logged_step(trainer)}: {sign}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes that the epoch has figures of its own."""
        self._validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs after evolution: callbacks run in their order, and `p2o fit` puts this one behind it."""
        pace = self._meter.figures(self._phases())
        masked_gap = trainer.callback_metrics.get("context/masked_gap") if self._meter.templated else None
        self._meter = EpochMeter()
        self.epochs.append(
            {
                "reward": round(float(trainer.callback_metrics["train/reward_epoch"]), 6),
                "hard_set": len(mixture_of(trainer).hard_set.hard),
                "validation": validation_accuracies(trainer.callback_metrics, self._validated),
                **spent_so_far(pl_module),
                "seconds": round(self._elapsed_in_epoch(), 2),
                **pace,
                **evolved(trainer, trainer.current_epoch),
            }
        )
        log_pace(trainer, pace | self._goodput())
        rank_zero_info(epoch_line(trainer.current_epoch, self.epochs[-1]))
        warn_of_truncation(trainer.current_epoch, pace["truncated"])
        warn_of_masked_gap(trainer.current_epoch, masked_gap)
        self._write(trainer, finished=False)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Says where the results are."""
        if self.epochs:
            rank_zero_info(end_block(trainer, self.summary(finished=True)))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the watch, and says how to go on after Ctrl-C."""
        with suppress(InputError):  # of a full disk: the error at hand says more
            self.teardown(trainer, pl_module, "fit")
        if isinstance(exception, KeyboardInterrupt) and trainer.training:
            rank_zero_info(resume_line(trainer))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The run has come to its end, be it in a process that had nothing left to train, which is said."""
        if self.epochs and not self._trains:
            rank_zero_info(complete_block(trainer, self.summary(finished=True)))
        if self.epochs:
            self._write(trainer, finished=True)

    def _write(self, trainer: Trainer, finished: bool) -> None:
        if self.enabled and trainer.is_global_zero and saves(trainer):
            write_json(RunPaths(Path(trainer.default_root_dir)).summary, self.summary(finished))

    def summary(self, finished: bool) -> dict[str, Any]:
        """The summary after the epochs so far; other tools read its names."""
        return {
            "finished": finished,  # false after an epoch, and for good if the run ends in another way
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
            "phase_seconds": [epoch["phase_seconds"] for epoch in self.epochs],
            "tokens_per_second": [epoch["tokens_per_second"] for epoch in self.epochs],  # of training rollouts
            "truncated": [epoch["truncated"] for epoch in self.epochs],
            "memory_peak_gib": max(epoch["memory_peak_gib"] for epoch in self.epochs),
            **self._goodput(),
        }

    def _goodput(self) -> dict[str, Any]:
        """The share of the time of all starts that went into epochs which are kept."""
        useful = sum(
            value for epoch in self.epochs for phase, value in epoch["phase_seconds"].items() if phase != "other"
        )
        return {
            name: value
            for attempts in self._attempts
            for name, value in (
                ("starts", attempts.count),
                ("wall_seconds", round(attempts.seconds, 2)),
                ("goodput", round(min(1.0, useful / attempts.seconds), 4)),
            )
        }

    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self._started

    def _elapsed_in_epoch(self) -> float:
        return self.epoch_seconds + time.monotonic() - self._epoch_started

    def _phases(self) -> dict[str, float]:
        """Seconds of this epoch by phase, in all processes that took part in it one after the other."""
        here = {phase: value - self._phases_before.get(phase, 0.0) for phase, value in self._clock.seconds().items()}
        names = here.keys() | self._phases_resumed.keys()
        return {phase: here.get(phase, 0.0) + self._phases_resumed.get(phase, 0.0) for phase in sorted(names)}

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far, the counts of the one that has begun, by process, and the seconds of both."""
        return {
            "seconds": self._elapsed(),
            "epoch_seconds": self._elapsed_in_epoch(),
            "phase_seconds": self._phases(),
            "meters": gather(self._meter.state_dict()),
            "collapse": self._collapse.state_dict(),
            "validated": self._validated,
            "epochs": self.epochs,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues the summary of the run that is resumed; Lightning does not say before that it is."""
        for attempts in self._attempts:
            attempts.begin(goes_on=True)
        self.seconds, self.epoch_seconds = state_dict["seconds"], state_dict["epoch_seconds"]
        self._phases_resumed = dict(state_dict["phase_seconds"])
        if (counts := of_this_process(state_dict["meters"])) is not None:
            self._meter.load_state_dict(counts)
        if "collapse" in state_dict:  # a run of an earlier version is watched from here on
            self._collapse.load_state_dict(state_dict["collapse"])
        self._validated = state_dict.get("validated", True)  # as 0.1.0 took it
        self.epochs = list(state_dict["epochs"])
