"""What sharding takes and gives: `python benchmarks/sharding.py [--model llama-135m] [--turns 3]`.

Steps as in `step.py`, of four questions, by one process and by two that share them and the policy (FSDP2, gloo on the
CPU). The two sides take turns, one thread a process; in its turn a side is started, and the second of its steps is
counted. Prints medians and, in brackets, the lowest and the highest.
"""

import argparse
import socket
import statistics
import sys
import tempfile
from collections.abc import Sequence
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
        for side in self.sides if count > 1 else ():
            side.ready()

    def step(self) -> dict[str, float]:
        """A step of all of them: its seconds, and the memory of the process that has most."""
        for side in self.sides:
            side.begin()
        costs = [side.cost() for side in self.sides]
        for side in self.sides:
            side.ready()
        return {name: max(cost[name] for cost in costs) for name in ("step", "generation", "training", "peak_gb")}

    def close(self) -> None:
        """Ends them."""
        for side in self.sides:
            side.close()


def turn(count: int, settings: dict[str, Any], folder: Path) -> dict[str, float]:
    """What the second step of so many processes costs."""
    group = Group(count, settings, folder)
    try:
        group.step()
        return group.step()
    finally:
        group.close()


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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worker = prepare(options.model, folder, steps=3, questions=QUESTIONS, tokens=options.tokens)
        costs = []
        for _ in range(options.turns):
            costs.append([turn(count, worker, folder) for count in (1, 2)])
            print(f"turn {len(costs)}: {costs[-1]}", file=sys.stderr, flush=True)
    names = {"step": "step s", "generation": "generation s", "training": "training s", "peak_gb": "peak GB a process"}
    print(f"| processes | {' | '.join(names.values())} |\n|---|{'---|' * len(names)}")
    for side, title in enumerate(("1", "2, sharded")):
        print(f"| {title} | " + " | ".join(cell([turn[side][name] for turn in costs]) for name in names) + " |")
    print("| 2 / 1 | " + " | ".join(cell([two[name] / one[name] for one, two in costs]) for name in names) + " |")


if __name__ == "__main__":
    main()
