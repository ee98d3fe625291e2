"""What sharding takes and gives: `python benchmarks/sharding.py [--model llama-135m] [--pairs 5]`.

Steps as in `step.py`, of four questions, by one process and by two that share them and the policy (FSDP2, gloo on the
CPU), one thread a process. Both sides are started once and take their steps in turn, so that what else the machine does
hits both alike; the first step of each is not counted. Wall seconds are those of the slower process. Processor seconds
are those of all processes of a side together, which hardly depend on the load. Prints medians and, in brackets, the
lowest and the highest, and the same of the ratios within the pairs.
"""

import argparse
import os
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
TOGETHER = ("step_cpu", "generation_cpu", "training_cpu")  # added over the processes of a side
COLUMNS = {
    "step": "wall s",
    "step_cpu": "processor s",
    "generation_cpu": "of them generation",
    "training_cpu": "of them training",
    "peak_gb": "peak GB a process",
}


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
        for side in self.sides if count > 1 else ():
            side.ready()

    def step(self) -> dict[str, float]:
        """A step of all of them: what they cost together, and else the most that one of them cost."""
        for side in self.sides:
            side.begin()
        costs = [side.cost() for side in self.sides]
        for side in self.sides:
            side.ready()
        return {name: (sum if name in TOGETHER else max)(cost[name] for cost in costs) for name in COLUMNS}

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
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=16, help="of a completion")
    options = parser.parse_args()
    pairs: list[list[dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        settings = prepare(options.model, folder, steps=options.pairs + 2, questions=QUESTIONS, tokens=options.tokens)
        groups = [Group(count, settings, folder) for count in (1, 2)]
        for group in groups:
            stack.callback(group.close)
            group.step()
        for _ in range(options.pairs):
            pairs.append([group.step() for group in groups])
            print(f"pair {len(pairs)}, load {os.getloadavg()[0]:.1f}: {pairs[-1]}", file=sys.stderr, flush=True)
    print(f"| processes | {' | '.join(COLUMNS.values())} |\n|---|{'---|' * len(COLUMNS)}")
    for side, title in enumerate(("1", "2, sharded")):
        print(f"| {title} | " + " | ".join(cell([pair[side][name] for pair in pairs]) for name in COLUMNS) + " |")
    print("| 2 / 1 | " + " | ".join(cell([two[name] / one[name] for one, two in pairs]) for name in COLUMNS) + " |")


if __name__ == "__main__":
    main()
