"""What runs on the skills have learnt of longer questions: `python benchmarks/longer_questions.py RUN [RUN …]`.

RUN is the folder of a finished run of `configs/skills_small.yaml`, whatever its method. Its last checkpoint is asked
greedily by `p2o test`, validation questions of lengths from four to twelve, four of each a family: training had
lengths up to nine, and so had the policy's own. Each is asked bare and under the best template of the checkpoint, if it
has one: does putting the template back help a policy into which it was distilled, or hurt (arXiv 2606.11627, abstract
read)?

Runs whose folders differ by their seed alone are one row, mean ± standard deviation over them; `reverse`, which no
template helps, is left out.
"""

import argparse
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from p2o.run_folder.log_columns import BENCHMARK_COMPLETIONS
from p2o.run_folder.paths import RunPaths
from p2o.worlds.skills.arithmetic import LABELS

LONGEST_TRAINED, LONGEST = 9, len(LABELS)
EACH = 4  # questions of each length and family
CONTEXTS = {"bare": "false", "templated": "true"}


def ask(run: Path, context: str, out: Path) -> dict[bool, float]:
    """The share of right answers within and beyond (True) the lengths of training, in %."""
    root = out / run.name / context
    arguments = [
        *("test", f"--config={run / 'config.yaml'}", f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}"),
        f"--trainer.default_root_dir={root}",
        f"--data.validation.init_args.longest={LONGEST}",
        f"--data.validation.init_args.count={EACH * (LONGEST - 3)}",
        f"--data.benchmark_template={CONTEXTS[context]}",
        "--model.max_completion_length=192",  # twice that of training, which longer procedures need
    ]
    if not RunPaths(root).benchmark_completions.exists():
        subprocess.run([sys.executable, "-m", "p2o", *arguments], check=True, stdout=subprocess.DEVNULL)
    right: dict[bool, list[bool]] = defaultdict(list)
    for row in BENCHMARK_COMPLETIONS.read(RunPaths(root).benchmark_completions):
        _, family, length, *_ = row["id"].split("-")
        if family != "reverse":
            right[int(length) > LONGEST_TRAINED].append(row["outcome"] == "correct")
    return {beyond: 100 * statistics.fmean(hits) for beyond, hits in right.items()}


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0:.1f} %"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/longer"), help="what is there is not asked again")
    arguments = parser.parse_args()
    groups: dict[str, list[Path]] = defaultdict(list)
    for run in arguments.runs:
        groups[re.sub(r"-seed\d+$", "", run.name)].append(run)
    table = []
    for name, runs in groups.items():
        evolved = all(any(run.glob("evolution/epoch-*.jsonl")) for run in runs)
        for context in list(CONTEXTS)[: 2 if evolved else 1]:
            found = [ask(run, context, arguments.out) for run in runs]
            table.append(
                [name, context, len(runs), *(spread([one[beyond] for one in found]) for beyond in (False, True))]
            )
    head = ["runs", "asked", "seeds", f"lengths 4 to {LONGEST_TRAINED}", f"{LONGEST_TRAINED + 1} to {LONGEST}"]
    print(tabulate(table, head, tablefmt="pipe"))


if __name__ == "__main__":
    main()
