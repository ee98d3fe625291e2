"""Optimizer and schedule of the policy: Lightning's callables, so that any of torch is a line of YAML."""

from collections.abc import Sequence

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from p2o.errors import InputError


class LinearWarmup(LambdaLR):
    """A learning rate that rises linearly and then stays; the first step already has one above 0.

    Args:
        optimizer: Whose learning rate it is.
        steps: Optimizer steps until the full learning rate is reached (paper: 5 % of the run).
    """

    def __init__(self, optimizer: Optimizer, steps: int = 20) -> None:
        if steps < 0:
            raise InputError(f"LinearWarmup needs steps >= 0, got {steps}.")
        self.steps = steps
        super().__init__(optimizer, lambda step: min(1.0, (step + 1) / max(1, steps)))


def make_optimizer(optimizer: OptimizerCallable, parameters: Sequence[torch.nn.Parameter]) -> Optimizer:
    """The optimizer of these parameters.

    Raises:
        InputError: A learning rate, a momentum or the like is out of range, or it is not for such parameters.
    """
    try:
        return optimizer(parameters)
    except LookupError as error:  # which says a key alone
        raise InputError(f"model.optimizer: {type(error).__name__}: {error}.") from error
    except (ValueError, TypeError, RuntimeError, AssertionError) as error:
        raise InputError(f"model.optimizer: {error}.") from error


def check_optimizer(optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable) -> None:
    """Makes both for a small matrix and takes a step, so that torch refuses now and not after the first rollouts.

    Raises:
        InputError: One cannot be made, or steps in another way than by a gradient: with a closure (LBFGS), with a
            metric (ReduceLROnPlateau).
    """
    matrix = torch.nn.Parameter(torch.zeros(2, 2))  # the optimizers of some kinds take nothing else
    matrix.grad = torch.ones_like(matrix)
    made = make_optimizer(optimizer, [matrix])
    try:
        schedule = lr_scheduler(made)
        made.step()
        schedule.step()
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"model.optimizer or model.lr_scheduler cannot be made or stepped: {error}.") from error
