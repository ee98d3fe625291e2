"""Seconds of a step with the next batch sampled ahead, and without: `.venv-vllm/bin/python benchmarks/overlap.py`.

Two runs of the quickstart's policy take turns on one vLLM server, each of one epoch: `AllGroups`, which waits for its
rollouts, and `SamplingAhead`. The ratio is that of neighbours, so that whatever else the machine does meets both; the
first pair is not counted. Where server and trainer share the cores, sampling ahead has nothing to gain from: the ratio
is of use on a machine with a device for each, or with enough cores.
"""

import argparse
import gc
import json
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

from p2o.cli.main import main as p2o
from p2o.policy.loading import BUNDLED
from tests.vllm_servers import serving

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.yaml"


def seconds_of_a_step(root: Path, url: str, sampler: str, options: argparse.Namespace) -> tuple[float, float]:
    """Of a whole epoch divided by its steps: all of it, and what training waited for rollouts."""
    engine = {"urls": [url], "dtype": "float32", "weights": {"class_path": "SharedFolder", "init_args": {}}}
    questions, batch = options.steps * options.questions, options.questions
    words = [
        f"--config={CONFIG}",
        f"--trainer.default_root_dir={root}",
        "--trainer.max_epochs=1",
        "--trainer.limit_val_batches=0",
        "--trainer.enable_progress_bar=false",
        f"--data.train.init_args.easy={questions // 2}",
        f"--data.train.init_args.hard={questions - questions // 2}",
        f"--data.batch_size={batch}",
        f"--model.mini_batch_size={batch}",
        f"--model.max_completion_length={options.length}",
        "--evolution.budget=0",
        "--fixed_questions.questions=0",
        f"--model.engine={json.dumps({'class_path': 'VLLMServers', 'init_args': engine})}",
        "--model.correction=TruncatedImportance",
        f"--model.sampler={sampler}",
    ]
    p2o(["fit", *words])
    gc.collect()  # the engine's folder of weights goes with it, and the next run has the same
    summary = json.loads((root / "summary.json").read_text())
    [phases] = summary["phase_seconds"]
    waited = phases.get("rollouts", 0.0) + phases.get("waiting for rollouts", 0.0)
    return summary["epoch_seconds"][0] / options.steps, waited / options.steps


def measure(url: str, options: argparse.Namespace) -> None:
    """Measures on a server that is up, and prints a line for each figure as JSON: median, least and most."""
    found: dict[str, list[tuple[float, float]]] = {"AllGroups": [], "SamplingAhead": []}
    with tempfile.TemporaryDirectory() as runs:
        for number in range(options.repeats + 1):
            for sampler, seconds in found.items():
                seconds.append(seconds_of_a_step(Path(runs) / f"{number}-{sampler}", url, sampler, options))
    steps = {sampler: [step for step, _ in seconds[1:]] for sampler, seconds in found.items()}
    ratios = [ahead / waits for ahead, waits in zip(steps["SamplingAhead"], steps["AllGroups"], strict=True)]
    waited = {f"{sampler}, waited s": [wait for _, wait in seconds[1:]] for sampler, seconds in found.items()}
    for name, values in {**steps, **waited, "ratio": ratios}.items():
        print(json.dumps({name: [round(f(values), 3) for f in (statistics.median, min, max)]}))


def main() -> None:
    """Starts a server unless it is given one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=8, help="of a step, six rollouts each")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--url", default="", help="a server that runs already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as logs:
        if options.url:
            measure(options.url, options)
        else:
            with serving(BUNDLED, Path(logs), longest=2048) as [server]:
                measure(server.url, options)


if __name__ == "__main__":
    main()
