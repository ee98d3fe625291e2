"""Optimizer and schedule of the policy: Lightning's callables, so that any of torch is a line of YAML."""

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


def check_optimizer(optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable) -> None:
    """Makes both for a single number, so that torch refuses their arguments now and not when a model is loaded.

    Raises:
        InputError: A learning rate, a momentum or the like is out of range.
    """
    try:
        lr_scheduler(optimizer([torch.nn.Parameter(torch.zeros(1))]))
    except (ValueError, TypeError) as error:
        raise InputError(f"model.optimizer or model.lr_scheduler cannot be made: {error}.") from error
