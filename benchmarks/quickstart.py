"""The quickstart against its baselines over seeds: `python benchmarks/quickstart.py [--out runs/study] [--seeds 0 1 2]`.

Runs `p2o fit` for every config, learning rate and seed that has no finished summary yet, two at a time with one thread
each, then prints a Markdown table of what their summaries say. Baselines have their learning rate chosen from a grid,
by their own best mean accuracy on the hard questions.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIGS = Path(__file__).parent.parent / "configs"
OWN_RATE = "2e-4"  # of the configs
RATES = ("5e-5", "1e-4", OWN_RATE, "4e-4")


@dataclass(frozen=True)
class Run:
    """One `p2o fit`."""

    config: str
    rate: str
    seed: int

    def folder(self, out: Path) -> Path:
        """Its run folder."""
        return out / f"{self.config}-lr{self.rate}-seed{self.seed}"

    def summary(self, out: Path) -> dict[str, Any] | None:
        """Its summary; None if it has not finished."""
        path = self.folder(out) / "summary.json"
        if not (self.folder(out) / "done").exists():
            return None
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def fit(self, out: Path) -> None:
        """Runs it, or goes on with it if it was interrupted."""
        folder = self.folder(out)
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "p2o", "fit", "--config", str(CONFIGS / f"{self.config}.yaml")]
        command += [f"--model.lr={self.rate}", f"--seed_everything={self.seed}", "--ckpt_path=last"]
        command += [f"--trainer.default_root_dir={folder}", "--trainer.enable_progress_bar=false"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        with (folder / "log.txt").open("w", encoding="utf-8") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, env=environment)
        (folder / "done").touch()
        print(f"finished {folder.name}", file=sys.stderr, flush=True)


def table(runs: list[Run], out: Path) -> str:
    """A row for each config and learning rate: mean ± standard deviation over seeds, of the last epoch."""
    lines = [
        "| config | lr | bare, easy | bare, hard | templated, hard | rollouts (evolution) | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for config, rate in dict.fromkeys((run.config, run.rate) for run in runs):
        found = [run.summary(out) for run in runs if (run.config, run.rate) == (config, rate)]
        summaries = [summary for summary in found if summary]
        bare = [summary["validation"]["bare"] for summary in summaries]
        templated = [s["validation"]["templated"]["hard"] for s in summaries if s["validation"]["templated"]]
        total = [summary["rollouts"]["train"] + summary["rollouts"]["evolution"] for summary in summaries]
        evolution = statistics.mean(summary["rollouts"]["evolution"] for summary in summaries)
        cells = [
            config,
            rate,
            spread([accuracies["easy"] for accuracies in bare]),
            spread([accuracies["hard"] for accuracies in bare]),
            spread(templated) if templated else "–",
            f"{statistics.mean(total):,.0f} ({evolution:,.0f})",
            f"{statistics.mean(summary['seconds'] for summary in summaries):.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spread(shares: list[float]) -> str:
    """Shares as "93.8 ± 1.0 % (92.7–94.8)"."""
    deviation = statistics.stdev(shares) if len(shares) > 1 else 0.0
    return f"{statistics.mean(shares):.1%} ± {100 * deviation:.1f} ({100 * min(shares):.1f}–{100 * max(shares):.1f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    runs = [Run("quickstart", OWN_RATE, seed) for seed in options.seeds]
    runs += [Run("quickstart_no_distillation", OWN_RATE, seed) for seed in options.seeds]
    runs += [Run("quickstart_grpo", rate, seed) for rate in RATES for seed in options.seeds]
    with ThreadPoolExecutor(options.jobs) as threads:
        list(threads.map(lambda run: run.fit(options.out), [run for run in runs if not run.summary(options.out)]))
    print(table(runs, options.out))


if __name__ == "__main__":
    main()
