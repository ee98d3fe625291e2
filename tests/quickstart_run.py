"""A small `p2o fit` of the quickstart, in this process or in two that share it."""

import csv
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from p2o.cli.main import main
from p2o.policy.checkpoints import load_checkpoint
from processes import start

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.yaml"
SMALL = (
    "--trainer.max_epochs=1",
    "--trainer.limit_train_batches=2",
    "--trainer.limit_val_batches=0",
    "--trainer.enable_progress_bar=false",
    "--data.train.init_args.easy=4",
    "--data.train.init_args.hard=4",
    "--data.batch_size=4",
    "--model.mini_batch_size=2",
    "--model.max_completion_length=24",
    "--evolution.budget=0",
    "--fixed_questions.questions=0",
)
# Rewards differ within every group, so that every row has a gradient.
SHAPED = (
    "--model.temperature=1.5",
    "--model.reward=SoftOverlong",
    "--model.reward.of=MathAnswer",
    "--model.reward.max_length=24",
    "--model.reward.cache=24",
)


def fit(root: Path, *options: str) -> None:
    main(["fit", f"--config={CONFIG}", f"--trainer.default_root_dir={root}", *SMALL, *options])


def fit_on_two(
    root: Path, *options: str, seconds: float = 200, run: Callable[..., None] = fit, processes: int = 2
) -> list[str]:
    """The same on two or more processes with the environment that torchrun gives; returns what each printed.

    Give `--trainer.strategy` and that part of the batch sizes that one of them has.
    """
    root.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    launch = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    launch |= {"LOCAL_WORLD_SIZE": str(processes), "TORCHELASTIC_RUN_ID": "two", "GROUP_RANK": "0"}
    logs = [root / f"printed-{rank}.txt" for rank in range(processes)]
    words = (root, f"--trainer.devices={processes}", *options)
    ranks = [start(run, *words, log=log, RANK=log.stem[-1], LOCAL_RANK=log.stem[-1], **launch) for log in logs]
    deadline = time.monotonic() + seconds  # of all of them: where one waits for ever, so may the others
    try:
        for process in ranks:
            process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for process in ranks:
            process.kill()
    return [f"{log.read_text()}\nexit {process.exitcode}" for log, process in zip(logs, ranks, strict=True)]


def last(root: Path) -> dict[str, Any]:
    return load_checkpoint(root / "checkpoints" / "last.ckpt")


def weights(root: Path) -> dict[str, torch.Tensor]:
    return dict(last(root)["state_dict"])


def farthest(one: Path, other: Path) -> float:
    """The largest difference of two runs' weights, which must have the same names."""
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)


def logged(root: Path, name: str) -> list[float]:
    with (root / "logs" / "version_0" / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]
