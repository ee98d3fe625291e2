"""What a step does where no row has a gradient: `python benchmarks/steps_without_gradient.py [--seeds 0 1 2]`.

Runs `configs/quickstart_grpo.yaml` twice a seed, with `model.step_without_gradient` false (default) and true, and takes
down how far each step moves the weights: the largest |Δw| of any of them, in units of the step's learning rate, about
the most that AdamW moves a weight where gradients agree. Idle steps are the mini-batches without a gradient; figures
are mean ± standard deviation over seeds.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tabulate import tabulate

from p2o.cli.main import main as p2o
from p2o.policy.update import OptimizerSteps
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.readers import read_metrics, read_summary

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart_grpo.yaml"


@dataclass
class Moves:
    """How far the weights moved in each step, in units of its learning rate.

    Args:
        idle: In those without a gradient.
        led: In those with one.
    """

    idle: list[float] = field(default_factory=list)
    led: list[float] = field(default_factory=list)


def watched(take: Callable, moves: Moves) -> Callable:
    """`OptimizerSteps._step`, which takes down how far it moved the weights."""

    def step(self, module, policy, rows, old, size):  # noqa: ANN001, ANN202 (those of the method)
        before = [parameter.detach().clone() for parameter in policy.parameters()]
        taken = take(self, module, policy, rows, old, size)
        pairs = zip(policy.parameters(), before, strict=True)
        farthest = max(float((parameter.detach() - was).abs().max()) for parameter, was in pairs)
        has_gradient = any(self.objective.needs(row) for row in rows)
        (moves.led if has_gradient else moves.idle).append(farthest / taken.lr)
        return taken

    return step


def run(root: Path, option: bool, seed: int) -> tuple[Moves, dict[str, float]]:
    """One fit: how its steps moved, and where it ended."""
    moves, take = Moves(), OptimizerSteps._step
    OptimizerSteps._step = watched(take, moves)  # type: ignore[method-assign]
    try:
        words = [f"--config={CONFIG}", f"--seed_everything={seed}", f"--trainer.default_root_dir={root}"]
        p2o(
            [
                "fit",
                *words,
                f"--model.step_without_gradient={str(option).lower()}",
                "--trainer.enable_progress_bar=false",
            ]
        )
    finally:
        OptimizerSteps._step = take  # type: ignore[method-assign]
    bare = read_summary(RunPaths(root))["validation"]["bare"]
    name = "train/completion_length_epoch"
    return moves, {**bare, "length": [row[name] for row in read_metrics(RunPaths(root)) if name in row][-1]}


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± standard deviation over seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} ± {deviation:.{digits}f}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/steps_without_gradient"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    ends: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    table = []
    for option, found in ends.items():
        all_moves = []
        for seed in options.seeds:
            moves, end = run(options.out / f"{option}-seed{seed}", option, seed)
            all_moves.append(moves)
            found.append(end)
        table.append(
            [
                str(option).lower(),
                spread([len(moves.idle) for moves in all_moves], 1),
                spread([len(moves.led) for moves in all_moves], 1),
                spread([statistics.fmean(moves.idle) for moves in all_moves], 2),
                spread([max(moves.idle) for moves in all_moves], 2),
                spread([statistics.fmean(moves.led) for moves in all_moves], 2),
                *(spread([100 * end[difficulty] for end in found], 1) for difficulty in ("easy", "hard")),
                spread([end["length"] for end in found], 2),
            ]
        )
    headers = ["step_without_gradient", "idle steps", "others", "moved, mean", "moved, most", "others moved, mean"]
    print(tabulate(table, [*headers, "easy, bare", "hard, bare", "tokens"], tablefmt="github", disable_numparse=True))
    for name, scale in (("easy", 100), ("hard", 100), ("length", 1)):
        pairs = zip(ends[True], ends[False], strict=True)
        print(f"{name}: with minus without, by seed: {[round(scale * (a[name] - b[name]), 3) for a, b in pairs]}")


if __name__ == "__main__":
    main()
