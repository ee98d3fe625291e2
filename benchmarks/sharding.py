"""What sharding takes and gives: `python benchmarks/sharding.py [--model llama-135m] [--turns 3]`.

Steps as in `step.py`, of four questions, by one process and by two that share them and the policy (FSDP2, gloo on the
CPU). Both sides are alive together and step in turn, one thread a process, so that what else the machine does meets
both. Prints medians and, in brackets, the lowest and the highest; the first step of each is not counted.
"""

import argparse
import socket
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from models import SHAPES, prepare
from step import Side

QUESTIONS = 4


class Group:
    """The processes of one side."""

    def __init__(self, count: int, settings: dict[str, Any], folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        launch = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count), "GROUP_RANK": "0"}
        launch |= {"LOCAL_WORLD_SIZE": str(count), "TORCHELASTIC_RUN_ID": "sharding"} if count > 1 else {}
        settings = settings | {"processes": count, "questions": QUESTIONS // count}
        self.sides = [
            Side(
                Path(sys.executable), "step_p2o.py", settings, folder / f"{count}-{rank}.log", 1, "passive",
                launch | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else None,
            )
            for rank in range(count)
        ]  # fmt: skip
        if count > 1:
            self._ready()

    def _ready(self) -> None:
        for side in self.sides:
            side.ready()

    def step(self) -> dict[str, float]:
        """A step of all of them: its seconds, and the memory of the process that has most."""
        for side in self.sides:
            side.begin()
        costs = [side.cost() for side in self.sides]
        self._ready()
        return {name: max(cost[name] for cost in costs) for name in ("step", "generation", "training", "peak_gb")}

    def close(self) -> None:
        """Ends them."""
        for side in self.sides:
            side.close()


def cell(values: Sequence[float]) -> str:
    """Median (lowest–highest)."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-135m", choices=list(SHAPES))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        worker = prepare(options.model, folder, steps=options.turns + 2, questions=QUESTIONS, tokens=options.tokens)
        groups = [Group(count, worker, folder) for count in (1, 2)]
        for group in groups:
            stack.callback(group.close)
            group.step()
        costs = [[group.step() for group in groups] for _ in range(options.turns)]
    names = {"step": "step s", "generation": "generation s", "training": "training s", "peak_gb": "peak GB a process"}
    print(f"| processes | {' | '.join(names.values())} |\n|---|{'---|' * len(names)}")
    for side, title in enumerate(("1", "2, sharded")):
        print(f"| {title} | " + " | ".join(cell([turn[side][name] for turn in costs]) for name in names) + " |")
    print("| 2 / 1 | " + " | ".join(cell([two[name] / one[name] for one, two in costs]) for name in names) + " |")


if __name__ == "__main__":
    main()
