"""How sure comparisons on the skills are with more questions: `python benchmarks/more_questions.py RUN [RUN …]`.

RUN is the folder of a finished run of `configs/skills_small.yaml`, whatever its method. Its last checkpoint is asked
greedily and bare by `p2o test`: 96 validation questions of each family, of the lengths of training, where a study's
validation has 24. Nothing is trained, and nothing is chosen by the answers.

Runs whose folders differ by their seed alone are one row; the first row is the baseline. A difference is paired by seed
and question, with the 95 % interval of `p2o compare`.
"""

import argparse
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import torch
from tabulate import tabulate
from torch import Tensor

from p2o.commands.study.interval import paired_interval
from p2o.run_folder.log_columns import BENCHMARK_COMPLETIONS
from p2o.run_folder.paths import RunPaths


def ask(run: Path, count: int, out: Path) -> dict[str, bool]:
    """Whether the run answers each question rightly."""
    root = out / run.name
    arguments = [
        *("test", f"--config={run / 'config.yaml'}", f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}"),
        f"--trainer.default_root_dir={root}",
        f"--data.validation.init_args.count={count}",
        "--data.benchmark_template=false",
    ]
    if not RunPaths(root).benchmark_completions.exists():
        subprocess.run([sys.executable, "-m", "p2o", *arguments], check=True, stdout=subprocess.DEVNULL)
    rows = BENCHMARK_COMPLETIONS.read(RunPaths(root).benchmark_completions)
    return {row["id"]: row["outcome"] == "correct" for row in rows}


def seed_of(run: Path) -> int:
    """The seed that the folder's name ends with."""
    return int(run.name.rpartition("-seed")[2])


def difference(mine: dict[int, Tensor], base: dict[int, Tensor]) -> str:
    """A method less the baseline in points, over the seeds of both."""
    seeds = sorted(mine.keys() & base.keys())
    mean, low, high = (100 * value for value in paired_interval(torch.stack([mine[s] - base[s] for s in seeds])))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=96, help="questions of each family")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/more_questions"), help="what is there is not asked again"
    )
    arguments = parser.parse_args()
    groups: dict[str, dict[int, Tensor]] = defaultdict(dict)
    for run in arguments.runs:
        right = sorted(ask(run, arguments.count, arguments.out).items())
        groups[re.sub(r"-seed\d+$", "", run.name)][seed_of(run)] = torch.tensor([float(hit) for _, hit in right])
    base = next(iter(groups.values()))
    table = []
    for name, seeds in groups.items():
        means = [100 * float(hits.mean()) for hits in seeds.values()]
        accuracy = f"{statistics.fmean(means):.1f} ± {statistics.stdev(means) if len(means) > 1 else 0:.1f} %"
        table.append([name, len(seeds), len(right), accuracy, "–" if seeds is base else difference(seeds, base)])
    print(tabulate(table, ["runs", "seeds", "questions", "bare", "difference"], tablefmt="pipe"))


if __name__ == "__main__":
    main()
