"""A short look at the real policy: a few rollouts and one update, timed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jsonargparse import Namespace
from lightning import Callback, LightningModule, Trainer

from p2o.commands.planning.pace import Pace
from p2o.commands.planning.run import PlannedRun
from p2o.commands.planning.span import Span
from p2o.engines.base import SamplingParams
from p2o.mixture.data_module import mixture_of
from p2o.policy.module import PolicyModule
from p2o.rollouts import Group, RolloutStep, training_samples
from p2o.types import MixtureItem

LEAST_NOISE = 1.25  # of what was measured in seconds, for a run of minutes or days
STEPS = "Let's think step by step."  # a template that most policies heed (Kojima et al. 2022, arXiv 2205.11916)
LONG = 256  # tokens, at most, of the completions that say what a token costs
HOT = 100.0  # a temperature at which any token is as likely as another: hardly a completion ends by itself


@dataclass(frozen=True)
class Measured:
    """What the calibration measured of the real policy.

    Args:
        rollouts: Completions that were sampled, of the policy's own length.
        rollout: The pace of a rollout, sampled and graded together with the others of its batch, in seconds of work.
        row: The pace of a rollout's part of an update, if its group has signal, likewise.
        completion_length: Tokens of a completion on average.
        templated_length: The same under a template that asks for steps.
        hard: Share of questions of which fewer than tau rollouts were correct.
        signal: Share of questions whose rewards differ.
        device_bytes: Most memory that was in use on the GPU; 0 without one.
        noise: How far times may be off, as a factor: the slower of two equal measurements by the faster one.
        idle: Seconds that a second of work takes at least: on a CPU with T threads, which work at the same time, 1/T.
        busy: Seconds that it took, with what else the machine had to do.
    """

    rollouts: int
    rollout: Pace
    row: Pace
    completion_length: float
    templated_length: float
    hard: float
    signal: float
    device_bytes: int
    noise: float = 1.0
    idle: float = 1.0
    busy: float = 1.0

    @property
    def spread(self) -> Span:
        """Seconds that a second of work will take, if the machine stays as busy as it was."""
        return Span(self.busy / self.noise, self.busy * self.noise)


@dataclass(frozen=True)
class Timed:
    """A rollout batch and its update: tokens and seconds of work of each rollout."""

    groups: Sequence[Group]
    length: float
    sampling: float
    update: float
    seconds: float  # of all of it, by the clock on the wall
    work: float  # of all of it


class Calibration(Callback):
    """Measures at the point where training would start, and ends the run there.

    Args:
        rollouts: How many to sample at most; at least those of one question are sampled, at most one rollout batch.
    """

    measured: Measured

    def __init__(self, rollouts: int) -> None:
        self.rollouts = rollouts

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A rollout batch and its update as the policy answers, twice; then under a template, and one of long answers.

        A small batch warms up, and of two the faster one counts. On a CPU work is the processor's time that the process
        had, which a busy machine hardly changes; how much longer it took by the clock is told apart from it.
        """
        assert isinstance(pl_module, PolicyModule)
        data = mixture_of(trainer)
        items = data.mixture(epoch=0)[: max(1, min(data.batch_size, self.rollouts // data.num_generations))]
        step = pl_module.rollout_step()
        limit = step.sampling.max_completion_length
        _timed(pl_module, step, items[:1])
        usual, slower = sorted((_timed(pl_module, step, items) for _ in range(2)), key=lambda timed: timed.sampling)
        long = _timed(pl_module, replace(step, sampling=SamplingParams(HOT, min(limit, LONG))), items)
        templated = [replace(item, templates=(STEPS,) * data.num_generations) for item in items]
        under = _timed(pl_module, step, templated)
        all_timed = (usual, slower, under, long)
        correct = [sum(rollout.correct for rollout in group) for group in usual.groups]
        self.measured = Measured(
            rollouts=len(items) * data.num_generations,
            rollout=Pace.through((usual.length, usual.sampling), (long.length, long.sampling)),
            row=Pace.through((usual.length, usual.update), (long.length, long.update)),
            completion_length=usual.length,
            templated_length=under.length,
            hard=sum(count < data.hard_set.tau for count in correct) / len(items),
            signal=sum(len({rollout.reward for rollout in group}) > 1 for group in usual.groups) / len(items),
            device_bytes=torch.cuda.max_memory_allocated() if pl_module.device.type == "cuda" else 0,
            noise=max(LEAST_NOISE, slower.sampling / usual.sampling),
            idle=1 / torch.get_num_threads() if pl_module.device.type == "cpu" else 1.0,
            busy=sum(timed.seconds for timed in all_timed) / sum(timed.work for timed in all_timed),
        )
        trainer.should_stop = True


def _timed(module: PolicyModule, step: RolloutStep, items: Sequence[MixtureItem]) -> Timed:
    clock = time.process_time if module.device.type == "cpu" else time.perf_counter
    begun, started = time.perf_counter(), clock()
    groups = step.roll_out(items)
    sampled = clock()
    advantages = torch.ones(len(groups), len(groups[0]))  # as if every group had variance
    module.update(module, module.policy, training_samples(groups, advantages, module.renderer))
    updated, ended = clock(), time.perf_counter()
    lengths = [len(rollout.completion.ids) for group in groups for rollout in group]
    count = len(lengths)
    work = ((sampled - started) / count, (updated - sampled) / count)
    return Timed(groups, sum(lengths) / count, *work, ended - begun, updated - started)


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
        reload_dataloaders_every_n_epochs=1,
        callbacks=[calibration],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(run.module, datamodule=run.data)
    return calibration.measured
