"""Small functions that several processes run together, without a Trainer."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from processes import start


def run_on(count: int, function: Callable, folder: Path, *arguments, seconds: float = 100) -> list[str]:
    """What each of `count` processes of one group printed, and its exit status."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    launch = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
    logs = [folder / f"printed-{count}-{rank}.txt" for rank in range(count)]
    words = (function, folder, *arguments)
    ranks = [start(_in_group, *words, log=log, RANK=str(rank), **launch) for rank, log in enumerate(logs)]
    try:
        for process in ranks:
            process.join(seconds)
    finally:
        for process in ranks:
            process.kill()
    return [f"{log.read_text()}\nexit {process.exitcode}" for log, process in zip(logs, ranks, strict=True)]


def _in_group(function: Callable, *arguments) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    function(*arguments)
    torch.distributed.destroy_process_group()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.tied = nn.Linear(5, 7), nn.Linear(5, 1), nn.Linear(5, 7)
        self.tied.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(x) + self.tied(x) + self.first(x)


def sharded_net(step: bool) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Sides that no number of processes divides, and a weight with two names."""
    torch.manual_seed(0)
    net = Net()
    fully_shard(net, mesh=init_device_mesh("cpu", (int(os.environ["WORLD_SIZE"]),)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, fused=True)
    if step:
        for number, parameter in enumerate(net.parameters()):
            parameter.grad = torch.full_like(parameter, number + 1.0)
        optimizer.step()
    return net, optimizer
