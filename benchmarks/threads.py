"""What threads and their way of waiting make of a step of p2o: `python benchmarks/threads.py [--model llama-135m]`.

Steps as in `step.py`, of one process for each setting, in turn: first on the machine as it is, then with a neighbour
that keeps one core busy. Prints medians and, in brackets, the fastest and the slowest step.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from models import SHAPES, make_prompts, save_model
from step import WAITING, Side


def cell(seconds: list[float]) -> str:
    """Median (fastest–slowest)."""
    return f"{statistics.median(seconds):.1f} ({min(seconds):.1f}–{max(seconds):.1f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-135m", choices=list(SHAPES))
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    settings = [(1, "passive"), *((2, policy) for policy in WAITING)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(options.model, folder / "model", ends=0.0)
        prompts = make_prompts(options.model, 4 * (2 * options.turns + 3), 46)
        (folder / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")
        worker = {
            "model": str(folder / "model"),
            "prompts": str(folder / "prompts.json"),
            "prompt_length": 46,
            "questions": 4,
            "generations": 6,
            "tokens": 64,
            "signal": 1.0,
            "micro_batch_tokens": 450,
            "recompute": False,
        }
        sides = [
            Side(Path(sys.executable), "step_p2o.py", worker, folder / f"{n}.log", *s) for n, s in enumerate(settings)
        ]
        rows: list[list[str]] = [[] for _ in settings]
        try:
            for side in sides:
                side.step()
            for neighbour in (False, True):
                busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if neighbour else None
                costs = [[side.step() for side in sides] for _ in range(options.turns)]
                if busy:
                    busy.kill()
                    busy.wait()
                for row, steps in zip(rows, zip(*costs, strict=True), strict=True):
                    row.append(cell([step["step"] for step in steps]))
                    row.append(f"{statistics.median(step['step_cpu'] for step in steps):.1f}")
        finally:
            for side in sides:
                side.close()
    print("| threads | waiting | step s, alone | CPU s | step s, one core busy | CPU s |\n|---|---|---|---|---|---|")
    for (threads, policy), row in zip(settings, rows, strict=True):
        print(f"| {threads} | {policy} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
