"""Has vLLM take the device of the process that it starts in."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed

from p2o.errors import InputError


@contextmanager
def own_device() -> Iterator[dict[str, Any]]:
    """Within, vLLM starts on the device of this process; gives the arguments that it needs for that.

    In a distributed run every process has a worker; they find each other as under torchrun. vLLM takes LOCAL_RANK for
    the number of a device, while Lightning's is a place in `trainer.devices`, and is there again afterwards.

    Raises:
        InputError: A process that is alone has another device than the first, the only one that vLLM takes then.
    """
    device = torch.cuda.current_device() if torch.cuda.is_available() else None
    if not torch.distributed.is_initialized():
        if device:
            raise InputError(
                f"VLLMEngine: expected the first device where one process trains, trainer.devices names number {device}"
                f". Set CUDA_VISIBLE_DEVICES={device} and trainer.devices: 1."
            )
        yield {}
        return
    rank, said = str(torch.distributed.get_rank()), os.environ.get("LOCAL_RANK")
    os.environ.setdefault("RANK", rank)
    os.environ.setdefault("WORLD_SIZE", str(torch.distributed.get_world_size()))
    os.environ["LOCAL_RANK"] = (said or rank) if device is None else str(device)
    try:
        yield {"distributed_executor_backend": "external_launcher"}
    finally:
        if said is None:
            del os.environ["LOCAL_RANK"]
        else:
            os.environ["LOCAL_RANK"] = said
