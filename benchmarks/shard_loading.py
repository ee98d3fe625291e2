"""Memory of a process that loads its shards: `python benchmarks/shard_loading.py [--model llama-135m] [--turns 3]`.

Two processes (gloo) load a model of bfloat16 files into float32 shards, in turn straight from the files and each by way
of the whole policy, as it must where the files have other names than the model. Printed is the most memory of its own
(anonymous pages, not the files) that a process had beyond what it had before, while it loaded and after the first
passes, which gather a layer at a time and embedding and head. Blocks of over 256 KB go back to the system when freed.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

from models import SHAPES, save_model

PROCESSES = 2


def own() -> float:
    """MiB of anonymous pages that this process has."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


class Peak:
    """The most that `own` has been."""

    def __init__(self) -> None:
        self.most = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self.most = max(self.most, own())
            time.sleep(0.002)


def worker(folder: str, way: str) -> None:
    """Loads in one of the two ways, and prints both peaks."""
    peak = Peak()
    import torch
    from torch.distributed.device_mesh import init_device_mesh

    from p2o.policy.sharding import placing

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (PROCESSES, 1), mesh_dim_names=("data_parallel", "tensor_parallel"))
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    module = SimpleNamespace(trainer=SimpleNamespace(strategy=strategy, precision="32-true"), device_mesh=mesh)
    if way == "whole first":
        placing.weight_folder = lambda name, policy: None  # type: ignore[assignment]
    loaded, begin = [], placing.begin

    def begun(policy: object) -> None:
        loaded.append(peak.most - before)
        begin(policy)  # type: ignore[arg-type]

    placing.begin = begun  # type: ignore[assignment]
    placing.load_policy("p2o/micro-policy")  # imports what loading needs
    before, peak.most = own(), 0.0
    placing.load_placed(module, folder, longest=128)  # type: ignore[arg-type]
    print("@" + json.dumps([loaded[0], peak.most - before]), flush=True)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def turn(folder: Path, way: str) -> tuple[float, float]:
    """The larger peaks of two processes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(PROCESSES), "OMP_NUM_THREADS": "1"}
    common |= {"HF_HUB_OFFLINE": "1", "MALLOC_MMAP_THRESHOLD_": str(2**18)}
    words = [sys.executable, __file__, "--worker", str(folder), way]
    started = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | common | {"RANK": str(rank)})
        for rank in range(PROCESSES)
    ]
    printed = [process.communicate()[0] for process in started]
    loading, passing = zip(*(json.loads(text.split("@")[1]) for text in printed), strict=True)
    return max(loading), max(passing)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-135m", choices=list(SHAPES))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker)
        return
    ways = ("whole first", "straight into shards")
    with tempfile.TemporaryDirectory() as name:
        save_model(options.model, Path(name), ends=0.0, dtype="bfloat16")
        costs = [[turn(Path(name), way) for way in ways] for _ in range(options.turns)]
    print("| | MiB while loading | with the first passes |\n|---|---|---|")
    for place, way in enumerate(ways):
        cells = [[cost[place][part] for cost in costs] for part in (0, 1)]
        print(
            f"| {way} | " + " | ".join(f"{statistics.median(c):.0f} ({min(c):.0f}–{max(c):.0f})" for c in cells) + " |"
        )


if __name__ == "__main__":
    main()
