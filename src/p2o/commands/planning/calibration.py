"""A short look at the real policy: a few rollouts and one update, timed."""

import time
from dataclasses import dataclass

import torch
from jsonargparse import Namespace
from lightning import Callback, LightningModule, Trainer

from p2o.commands.planning.run import PlannedRun
from p2o.mixture.data_module import mixture_of
from p2o.policy.module import PolicyModule
from p2o.rollouts import training_samples


@dataclass(frozen=True)
class Measured:
    """What the calibration measured of the real policy.

    Args:
        rollouts: Completions that were sampled.
        rollout_seconds: Seconds of one rollout, sampled and graded together with the others.
        row_seconds: Seconds of one rollout's part of an update, if its group has signal.
        completion_length: Tokens of a completion on average.
        hard: Share of questions of which fewer than tau rollouts were correct.
        signal: Share of questions whose rewards differ.
        device_bytes: Most memory that was in use on the GPU; 0 without one.
    """

    rollouts: int
    rollout_seconds: float
    row_seconds: float
    completion_length: float
    hard: float
    signal: float
    device_bytes: int

    @property
    def token_seconds(self) -> float:
        """Seconds that a token of a completion takes."""
        return self.rollout_seconds / self.completion_length


class Calibration(Callback):
    """Measures at the point where training would start, and ends the run there.

    Args:
        rollouts: How many to sample at most; at least those of one question are sampled, at most one rollout batch.
    """

    measured: Measured

    def __init__(self, rollouts: int) -> None:
        self.rollouts = rollouts

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """One small rollout batch and its update; a smaller one before it warms up."""
        assert isinstance(pl_module, PolicyModule)
        data = mixture_of(trainer)
        count = max(1, min(data.batch_size, self.rollouts // data.num_generations))
        items = data.mixture(epoch=0)[:count]
        step = pl_module.rollout_step()
        step.roll_out(items[:1])
        started = time.perf_counter()
        groups = step.roll_out(items)
        sampled = time.perf_counter()
        rollouts = [rollout for group in groups for rollout in group]
        advantages = torch.ones(len(groups), data.num_generations)  # as if every group had variance
        pl_module.update(pl_module, pl_module.policy, training_samples(groups, advantages, pl_module.renderer))
        updated = time.perf_counter()
        correct = [sum(rollout.correct for rollout in group) for group in groups]
        self.measured = Measured(
            rollouts=len(rollouts),
            rollout_seconds=(sampled - started) / len(rollouts),
            row_seconds=(updated - sampled) / len(rollouts),
            completion_length=sum(len(rollout.completion.ids) for rollout in rollouts) / len(rollouts),
            hard=sum(count < data.hard_set.tau for count in correct) / len(groups),
            signal=sum(len({rollout.reward for rollout in group}) > 1 for group in groups) / len(groups),
            device_bytes=torch.cuda.max_memory_allocated() if pl_module.device.type == "cuda" else 0,
        )
        trainer.should_stop = True


def calibrate(run: PlannedRun, trainer: Namespace, rollouts: int) -> Measured:
    """Samples and updates a little, on one device.

    Args:
        run: The run.
        trainer: The settings of its section `trainer`.
        rollouts: To sample at most.
    """
    calibration = Calibration(rollouts)
    Trainer(
        accelerator=trainer.accelerator,
        precision=trainer.precision,
        devices=1,
        max_epochs=1,
        limit_val_batches=0,
        callbacks=[calibration],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(run.module, datamodule=run.data)
    return calibration.measured
