"""What the processes of a distributed run tell one another."""

from typing import TypeVar

import torch.distributed
from lightning import Trainer

T = TypeVar("T")


def gather(trainer: Trainer, value: T) -> list[T]:
    """The values of all processes, in order of their rank; that of this one alone if there is no other."""
    if trainer.world_size == 1:
        return [value]
    everyone: list[T] = [value] * trainer.world_size
    torch.distributed.all_gather_object(everyone, value)
    return everyone
