"""What threads and their way of waiting make of a step of p2o: `python benchmarks/threads.py [--model llama-135m]`.

Steps as in `step.py`, of two questions and of one process a setting, in turn: first on the machine as it is, then
with a neighbour that keeps one core busy. Prints medians and, in brackets, the fastest and the slowest step.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from models import SHAPES, prepare
from step import Side


def cell(seconds: list[float]) -> str:
    """Median (fastest–slowest)."""
    return f"{statistics.median(seconds):.1f} ({min(seconds):.1f}–{max(seconds):.1f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-135m", choices=list(SHAPES))
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    settings = [(1, "passive"), *((2, policy) for policy in ("passive", "brief", "default"))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worker = prepare(options.model, folder, steps=2 * options.turns + 3, questions=2)
        sides = [
            Side(Path(sys.executable), "step_p2o.py", worker, folder / f"{n}.log", *s) for n, s in enumerate(settings)
        ]
        rows: list[list[str]] = [[] for _ in settings]
        with ExitStack() as stack:
            for side in sides:
                stack.callback(side.close)
                side.step()
            for neighbour in ("pass", "while True: pass"):
                busy = subprocess.Popen([sys.executable, "-c", neighbour])
                stack.callback(busy.kill)
                costs = [[side.step() for side in sides] for _ in range(options.turns)]
                for row, steps in zip(rows, zip(*costs, strict=True), strict=True):
                    row.append(cell([step["step"] for step in steps]))
                    row.append(f"{statistics.median(step['step_cpu'] for step in steps):.1f}")
    print("| threads | waiting | step s, alone | CPU s | step s, one core busy | CPU s |\n|---|---|---|---|---|---|")
    for (threads, policy), row in zip(settings, rows, strict=True):
        print(f"| {threads} | {policy} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
