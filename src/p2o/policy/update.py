"""The update of a rollout batch: one optimizer step for each mini-batch of questions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities import rank_zero_info
from torch import nn
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LRScheduler
from transformers import PreTrainedModel

from p2o.distributed.processes import gather
from p2o.engines.agreement import Agreement
from p2o.logprobs import scoring_path
from p2o.objective.context_gap import context_gaps
from p2o.objective.context_mask import ContextMaskStats
from p2o.objective.load_balancing import balanced
from p2o.objective.micro_batches import chunks, equal_passes, micro_batches
from p2o.objective.objective import Objective, OldLogps
from p2o.objective.outputs import LossOutput, joined_context_mask_stats, output_metrics
from p2o.objective.rows import TrainingSample
from p2o.policy.non_finite import NonFiniteGuard
from p2o.progress import track
from p2o.types import TemplateGap


@dataclass(frozen=True)
class Step:
    """What came of one optimizer step.

    Args:
        outputs: Of each micro-batch of this process.
        loss: Of all of them.
        grad_norm: Of all processes, before clipping; 0 if no row has a gradient.
        lr: Learning rate that the optimizer steps with.
        taken: Whether it stepped.
    """

    outputs: Sequence[LossOutput]
    loss: float
    grad_norm: float
    lr: float
    taken: bool


@dataclass(frozen=True)
class OptimizerSteps:
    """Takes the optimizer steps of a LightningModule with manual optimization, and logs their means there.

    Args:
        objective: Makes a loss of rows.
        mini_batch_size: Questions per optimizer step.
        micro_batch_tokens: Tokens per forward and backward pass at most; does not change the result.
        max_grad_norm: Gradients are clipped to this norm.
        guard: Decides about steps that are not finite.
        step_without_gradient: Whether a mini-batch without any gradient takes a step all the same.
    """

    objective: Objective
    mini_batch_size: int
    micro_batch_tokens: int
    max_grad_norm: float
    guard: NonFiniteGuard
    step_without_gradient: bool = False

    def on(self, agreed: Agreement) -> "OptimizerSteps":
        """Says on which path log-probs are computed, and takes the engine's for those of π_old where they are exact."""
        rank_zero_info(agreed.line)
        return replace(self, objective=replace(self.objective, exact_engine=agreed.exact))

    def context_gaps(self, policy: PreTrainedModel, groups: Sequence[Sequence[TrainingSample]]) -> list[float | None]:
        """By how much the template made each completion likelier, before the update."""
        rows = [row for group in groups for row in group]
        return context_gaps(policy, rows, self.objective.temperature, self.micro_batch_tokens)

    def __call__(
        self, module: LightningModule, policy: PreTrainedModel, groups: Sequence[Sequence[TrainingSample]]
    ) -> list[TemplateGap]:
        """Old log-probs of all rows first: π_old is the policy before the first step.

        Returns Δ of the correct completions of all processes that were sampled under a template, as far as the context
        estimator reads both contexts.

        Args:
            module: Whose optimizer and scheduler step.
            policy: The policy in it.
            groups: The rows of each question.
        """
        mini_batches = [[row for group in part for row in group] for part in chunks(groups, self.mini_batch_size)]
        once = len(mini_batches) == 1
        # Rows of all processes count, whoever passes them; 0: no row counts, and none is passed.
        sizes = [mean_over_processes(module, self.objective.size(rows)) or 1.0 for rows in mini_batches]
        bare = self.objective.context.bare_gradient
        passed = [balanced(rows, [self.objective.needs(row) for row in rows], bare) for rows in mini_batches]
        old = [self.objective.old_logps(policy, rows, self.micro_batch_tokens, once) for rows in passed]
        steps = [self._step(module, policy, *parts) for parts in zip(passed, old, sizes, strict=True)]
        policy.zero_grad()  # to none: rollouts have their memory
        return self._log(module, steps)

    def _step(
        self,
        module: LightningModule,
        policy: PreTrainedModel,
        rows: Sequence[TrainingSample],
        old: Sequence[OldLogps],
        size: float,
    ) -> Step:
        """The gradient of `rows`, whose mini-batch has the denominator `size`, clipped, then the optimizer.

        Rows without a gradient, such as those of zero-variance groups, cost no pass but count in the mean. If no row of
        any process has one, AdamW would still move the weights by its momentum and decay them, so it does not step.
        """
        needed = [self.objective.needs(row) for row in rows]
        optimizer, scheduler = module.optimizers(), module.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer) and isinstance(scheduler, LRScheduler)  # there is one of each
        lr = float(scheduler.get_last_lr()[0])
        if not (any(gather(any(needed))) or self.step_without_gradient):
            count_as_step(module)
            return Step([], 0.0, 0.0, lr, taken=False)
        zero_gradients(policy)
        bare, several = self.objective.context.bare_gradient, module.trainer.world_size > 1
        tokens, path = self.micro_batch_tokens, scoring_path(policy)
        parts = micro_batches(rows, needed, tokens, path, bare, at_least_one=several)
        idle = equal_passes(policy, len(parts))
        outputs: list[LossOutput] = []
        for number, part in enumerate(track(parts, "update", "micro-batch"), 1):
            with optimizer.toggle_model(sync_grad=number == len(parts)):  # one gradient exchange per optimizer step
                output = self.objective(policy, [rows[i] for i in part], [old[i] for i in part], size)
                module.manual_backward(output.loss)
                outputs.append(replace(output, loss=output.loss.detach().cpu()))
        for _ in range(idle):  # an exchange of shards takes all processes
            module.manual_backward(0.0 * self.objective(policy, rows[:1], old[:1], size).loss)
        norm = whole_norm(nn.utils.clip_grad_norm_(policy.parameters(), self.max_grad_norm))
        loss = sum(float(output.loss) for output in outputs)
        taken = self.guard.passes(module, rows, loss, norm)
        if taken:
            optimizer.step()
            scheduler.step()
        else:
            count_as_step(module)
        return Step(outputs, loss, norm, lr, taken)

    def _log(self, module: LightningModule, steps: Sequence[Step]) -> list[TemplateGap]:
        """Means over the steps and over all processes, each of which logs the same."""
        everyones = gather(steps)
        losses = [fmean(step.loss for step in same) for same in zip(*everyones, strict=True)]
        outputs = [output for steps in everyones for step in steps for output in step.outputs]
        moved = [step for step in steps if step.outputs]
        module.log_dict(
            {
                "policy/loss": fmean(losses),
                "policy/grad_norm": fmean(step.grad_norm for step in steps),
                "policy/lr": steps[-1].lr,
                "policy/steps_without_gradient": float(len(steps) - len(moved)),
                "policy/steps_not_finite": float(sum(not step.taken for step in moved)),
                **output_metrics(outputs),
            }
        )
        log_shares(module, joined_context_mask_stats(outputs))
        if gaps := [gap for output in outputs for gap in output.gaps]:
            mean = fmean(gap.gap for gap in gaps)
            module.log("context/gap", mean, batch_size=len(gaps), on_step=False, on_epoch=True, sync_dist=True)
        return gaps


def log_shares(module: LightningModule, stats: ContextMaskStats) -> None:
    """Logs what a step masked, so that the mean of an epoch is the share of all that its steps saw."""
    for name, (share, weight) in stats.shares().items():
        module.log(f"context/{name}", share, batch_size=weight, on_step=False, on_epoch=True, sync_dist=True)


def count_as_step(module: LightningModule) -> None:
    """Moves `global_step` on without a step: ModelCheckpoint saves nothing while it stands still."""
    progress = module.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
    progress.increment_ready()
    progress.increment_completed()


def whole_norm(norm: torch.Tensor) -> float:
    """The norm of a gradient, whose parts may lie on several processes."""
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


def zero_gradients(policy: nn.Module) -> None:
    """Zero and never none, so that AdamW counts the step and applies decay for parameters that no row reaches."""
    for parameter in (parameter for parameter in policy.parameters() if parameter.requires_grad):
        parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.zero_()


def mean_over_processes(module: LightningModule, value: float) -> float:
    """DDP averages gradients over processes, so the denominator is their mean, not their sum."""
    if module.trainer.world_size == 1:
        return value
    return float(module.trainer.strategy.reduce(torch.tensor(float(value), device=module.device), reduce_op="mean"))
