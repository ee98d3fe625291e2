"""A GRPO step here and in TRL, side by side: `make bench-trl`, or `python benchmarks/step.py --json out.json`.

Both sides get the same random weights, the same prompts, the same threads and the same OpenMP policy, and take their
steps in turn, so that what else the machine does hits both alike. The first step of each side is not counted. Prints a
Markdown table: medians over the pairs, and the ratio TRL / p2o of each pair as median (lowest–highest).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models import SHAPES, prepare

HERE = Path(__file__).parent
SET = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}  # by a measurement alone
# How OpenMP's idle threads wait: asleep, spinning for 10 µs first, or spinning.
WAITING = {
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "brief": {"GOMP_SPINCOUNT": "3000"},
    "default": {},  # spinning for milliseconds
    "active": {"OMP_WAIT_POLICY": "active"},
}


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    model: str
    questions: int
    tokens: int
    signal: float
    natural: bool

    def title(self) -> str:
        """Its cell."""
        lengths = f"up to {self.tokens}" if self.natural else str(self.tokens)
        return f"{self.model}, {self.questions} questions, {lengths} tokens, {1 - self.signal:.0%} without variance"


class Side:
    """A worker process."""

    def __init__(
        self,
        python: Path,
        script: str,
        settings: dict[str, Any],
        log: Path,
        threads: int,
        policy: str,
        place: Mapping[str, str] | None = None,  # variables that tell a process its place among several
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SET} | {
            **WAITING[policy],
            "OMP_NUM_THREADS": str(threads),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            **(place or {}),
        }
        self.log = log
        self.process = subprocess.Popen(
            [str(python), str(HERE / script), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w", encoding="utf-8"),
            text=True,
            env=environment,
        )
        if place is None:
            self.ready()

    def step(self) -> dict[str, float]:
        """Takes a step; what it cost."""
        self.begin()
        cost = self.cost()
        self.ready()
        return cost

    def ready(self) -> None:
        """Waits until it can take a step; of several processes none can before all have started."""
        self._line()

    def begin(self) -> None:
        """Lets a step begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def cost(self) -> dict[str, float]:
        """What it cost."""
        return dict(json.loads(self._line()))

    def _line(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("@"):
                return line[1:]
        raise RuntimeError(f"The worker ended: {self.log.read_text(encoding='utf-8')[-2000:]}")

    def close(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.wait()


def measure(setting: Setting, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Interleaved steps of both sides."""
    settings = prepare(
        setting.model,
        folder,
        steps=options.pairs + 3,
        questions=setting.questions,
        ends=1 / setting.tokens if setting.natural else 0.0,
        prompt_length=options.prompt_length,
        generations=options.generations,
        tokens=setting.tokens,
        signal=setting.signal,
        micro_batch_tokens=options.micro_batch_tokens,
        recompute=options.recompute,
    )
    starts = {
        "p2o": partial(Side, Path(sys.executable), "step_p2o.py", settings, folder / "p2o.log"),
        "trl": partial(Side, options.trl, "step_trl.py", settings, folder / "trl.log"),
    }
    steps: list[dict[str, dict[str, float]]] = []
    with ExitStack() as stack:
        sides: dict[str, Side] = {}
        for _ in range(options.pairs):
            steps.append({})
            for name, start in starts.items():
                if name not in sides:
                    sides[name] = start(options.threads, options.wait_policy)
                    stack.callback(sides[name].close)
                    sides[name].step()
                steps[-1][name] = sides[name].step()
                if options.apart:
                    sides.pop(name).close()
            print({name: round(cost["step"], 1) for name, cost in steps[-1].items()}, file=sys.stderr, flush=True)
    return {"setting": vars(setting), "title": setting.title(), "steps": steps}


def ratio(steps: list[dict[str, dict[str, float]]], name: str) -> str:
    """TRL / p2o."""
    values = [pair["trl"][name] / pair["p2o"][name] for pair in steps]
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def table(results: list[dict[str, Any]], completions: int) -> str:
    """Two lines for each setting, and one of ratios."""
    lines = [
        "| | step s | generation s | training s | CPU s | cores | completions/s | tokens/s | peak GB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        steps = result["steps"]
        for side in ("p2o", "trl"):
            middle = {name: statistics.median(pair[side][name] for pair in steps) for name in steps[0][side]}
            wall = middle["step"]
            cells = [f"{middle[name]:.1f}" for name in ("step", "generation", "training", "step_cpu")]
            rate = completions * result["setting"]["questions"] / wall
            cells += [f"{middle['step_cpu'] / wall:.2f}", f"{rate:.2f}", f"{middle['tokens'] / wall:.0f}"]
            lines.append(f"| {result['title']}: {side} | " + " | ".join([*cells, f"{middle['peak_gb']:.2f}"]) + " |")
        names = ("step", "generation", "training", "step_cpu")
        wall_ratios = [ratio(steps, name) for name in names]
        split = f"CPU s of generation {ratio(steps, 'generation_cpu')}, of training {ratio(steps, 'training_cpu')}"
        lines.append(f"| TRL / p2o, {len(steps)} pairs | " + " | ".join(wall_ratios) + f" | {split} | | | "
                     f"{ratio(steps, 'peak_gb')} |")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["micro", "llama-135m"], choices=list(SHAPES))
    parser.add_argument("--zero-variance", type=float, nargs="+", default=[0.0, 0.5, 0.9], help="shares of groups")
    parser.add_argument("--lengths", nargs="+", default=["fixed", "natural"], choices=["fixed", "natural"])
    parser.add_argument("--questions", type=int, default=4, help="of a step; 10 where 90 %% have no variance")
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--prompt-length", type=int, default=46)
    parser.add_argument("--micro-batch-tokens", type=int, default=450, help="one group, as TRL's micro-batch is")
    parser.add_argument("--recompute", action="store_true", help="activations, on p2o's side: less memory, more time")
    parser.add_argument("--apart", action="store_true", help="start a side for each of its steps: less memory")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--wait-policy", default="brief", choices=list(WAITING), help="of OpenMP's threads")
    parser.add_argument("--trl", type=Path, default=HERE.parent / ".venv-trl" / "bin" / "python", help="its Python")
    parser.add_argument("--json", type=Path, help="where to write everything that was measured")
    options = parser.parse_args()
    results = []
    for model in options.models:
        for natural in (length == "natural" for length in options.lengths):
            for zero in options.zero_variance if not natural else [0.0]:
                questions = 10 if zero == 0.9 else options.questions
                setting = Setting(model, questions, options.tokens, 1 - zero, natural)
                with tempfile.TemporaryDirectory() as folder:
                    results.append(measure(setting, options, Path(folder)))
                print(f"measured: {setting.title()}", file=sys.stderr, flush=True)
                if options.json:
                    options.json.parent.mkdir(parents=True, exist_ok=True)
                    options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(table(results, options.generations))


if __name__ == "__main__":
    main()
