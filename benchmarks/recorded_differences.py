"""Differences between methods of a recorded study: `python benchmarks/recorded_differences.py FILE [--baseline NAME]`.

FILE is one of `benchmarks/outcomes/`: the `results.json` of a study of docs/results.md, with each validation question's
outcome after each epoch. Nothing is run: the table of `p2o compare` is made again from what was recorded, against any
method as the baseline, by default the first. Of tuned methods it takes the value that was chosen.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from p2o.commands.study.interval import differences, paired_interval
from p2o.commands.study.page import mean_percent
from p2o.commands.study.results import RunResult, curve_weights


def results(row: dict[str, Any]) -> list[RunResult]:
    """The runs of a row."""
    found = []
    for run in row["runs"]:
        spent = torch.tensor([0, *run["spent"]], dtype=torch.float64).diff()
        correct = torch.tensor([[float(sign) for sign in epoch] for epoch in run["correct"]]).double()  # [E, Q]
        found.append(RunResult(run["seed"], {}, tuple(row["questions"]), correct, curve_weights(spent)))
    return found


def difference(name: str, mine: list[RunResult], base: list[RunResult], of: str) -> str:
    """In percentage points, with the 95 % interval of `p2o compare`."""
    mean, low, high = (100 * value for value in paired_interval(differences(name, mine, base, of)))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--baseline")
    options = parser.parse_args()
    recorded = [row for row in json.loads(options.file.read_text(encoding="utf-8"))["rows"] if row["shown"]]
    rows = {row["method"]: results(row) for row in recorded}
    baseline = options.baseline or next(iter(rows))
    if baseline not in rows:
        parser.error(f"--baseline: expected one of {', '.join(rows)}, got {baseline}.")
    table = []
    for name, mine in rows.items():
        figures = []
        for of in ("final", "curve"):
            figures.append(mean_percent([float(getattr(one, of).mean()) for one in mine]))
            figures.append("–" if name == baseline else difference(name, mine, rows[baseline], of))
        table.append([name, len(mine), *figures])
    print(
        tabulate(table, ["method", "seeds", "accuracy", "difference", "over the run", "difference"], tablefmt="github")
    )


if __name__ == "__main__":
    main()
