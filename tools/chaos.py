"""Kills runs at random moments, resumes them, and compares what is left with a run that nobody killed.

    python -m tools.chaos --kills 200 --processes 1

A kill is SIGKILL to the process itself, sent within a phase of the run: which one, the how-manieth time and how long
after it has begun are drawn at random, so that short phases such as the write of a checkpoint are hit as often as long
ones. The table says how many kills hit each phase, and whether the resumed runs equal the undisturbed one to the bit.
"""

import argparse
import functools
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
KILLS_A_RUN = 5
OPTIONS = [
    "--trainer.max_epochs=2",
    "--trainer.enable_progress_bar=false",
    "--model.max_completion_length=24",
    "--model.mini_batch_size=2",
    "--data.train.init_args.easy=3",
    "--data.train.init_args.hard=5",
    "--data.validation.init_args.easy=4",
    "--data.validation.init_args.hard=4",
    "--data.batch_size=3",
    "--data.tau=6",
    "--evolution.budget=40",
    "--evolution.min_hard_set=2",
    "--evolution.reflector.init_args.max_reply_length=16",
    "--rollout_log.train=-1",
    "--fixed_questions.questions=1",
    "--checkpoint.every_n_steps=1",
]


@dataclass(frozen=True)
class Kill:
    """Where a process kills itself.

    Args:
        phase: Name of the phase.
        number: How many times the phase has begun before, in this process.
        seconds: After it has begun.
    """

    phase: str
    number: int
    seconds: float


def phases() -> dict[str, list[tuple[Any, str]]]:
    """The functions that each phase consists of, as owner and attribute."""
    from p2o.callbacks import rollout_log, run_summary
    from p2o.evolution.proposals.reflection import Reflection
    from p2o.io import files
    from p2o.policy.checkpoints import journal
    from p2o.policy.checkpoints.storage import WholeFiles
    from p2o.policy.update import OptimizerSteps
    from p2o.run_folder import question_tables

    return {
        "update": [(OptimizerSteps, "__call__")],
        "reflection": [(Reflection, "_reflect_together")],
        "checkpoint write": [(WholeFiles, "save_checkpoint")],
        "log write": [(rollout_log, "write_parquet"), (question_tables, "write_parquet"), (run_summary, "write_json")],
        "journal write": [(journal, "write_text")],
        "rename": [(files.os, "replace")],
    }


def observe(seen: Callable[[str], None]) -> None:
    """Calls `seen` with the name of each phase as it begins."""
    from p2o.rollouts.worker import RolloutWorker

    def wrapped(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (any function)
            seen(name(*args, **kwargs))
            return function(*args, **kwargs)

        return call

    for phase, functions in phases().items():
        for owner, name in functions:
            setattr(owner, name, wrapped(getattr(owner, name), lambda *_, phase=phase, **__: phase))
    titles = {"train": "rollout", "evolution": "evolution", "validation": "validation"}
    RolloutWorker.roll_out = wrapped(  # type: ignore[method-assign]
        RolloutWorker.roll_out, lambda *args, **_: titles.get(args[4], args[4].replace("_", " "))
    )


def fit(words: list[str], log: str, kill: Kill | None, trace: str) -> None:
    """A run in this process, which kills itself as told, or writes into `trace` when each phase began."""
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    begun: Counter[str] = Counter()
    times: list[tuple[str, float]] = []

    def seen(phase: str) -> None:
        times.append((phase, time.monotonic()))
        if kill is not None and (phase, begun[phase]) == (kill.phase, kill.number):
            threading.Timer(kill.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        begun[phase] += 1

    observe(seen)
    from p2o.cli.main import main

    main(words)
    if trace:
        Path(trace).write_text(json.dumps(times))


class Campaign:
    """Runs, kills and comparisons in one folder.

    Args:
        folder: It is emptied.
        processes: Of each run.
        seed: Of the draws.
    """

    def __init__(self, folder: Path, processes: int, seed: int) -> None:
        self.folder = folder
        self.processes = processes
        self.random = random.Random(seed)
        self.forked = multiprocessing.get_context("forkserver")
        # All that a run imports: it takes longer than the run.
        modules = ["p2o.cli.trainer", "torch.utils.tensorboard", "pyarrow.parquet", "transformers.models.llama"]
        self.forked.set_forkserver_preload([*modules, "p2o.policy.export", "math_verify", "torch._dynamo"])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def start(self, root: Path, kill: Kill | None = None, trace: str = "") -> int:
        """Runs until it ends or is killed; the exit status, negative if a signal ended it."""
        words = ["fit", f"--config={ROOT}/configs/quickstart.yaml", f"--trainer.default_root_dir={root}", *OPTIONS]
        words += ["--ckpt_path=last", f"--trainer.devices={self.processes}"]
        arguments = (words, f"{root}.log", kill, trace)
        if self.processes == 1:
            process = self.forked.Process(target=fit, args=arguments)
            process.start()
            process.join()
            return process.exitcode or 0
        told = json.dumps([words, f"{root}.log", _plain(kill), trace])
        group = subprocess.Popen([sys.executable, "-m", "tools.chaos", "--fit", told], cwd=ROOT, start_new_session=True)
        status = group.wait()
        try:
            os.killpg(group.pid, signal.SIGKILL)  # a killed first process leaves the others waiting
        except ProcessLookupError:
            pass
        return status

    def reference(self) -> tuple[Path, dict[str, list[float]]]:
        """A run that nobody kills, and how long each phase lasted each time at most."""
        root, trace = self.folder / "reference", str(self.folder / "trace.json")
        assert self.start(root, trace=trace) == 0, Path(f"{root}.log").read_text()[-2000:]
        times = json.loads(Path(trace).read_text())
        lasted: dict[str, list[float]] = {}
        for (phase, began), (_, ended) in zip(times, [*times[1:], times[-1]], strict=True):
            lasted.setdefault(phase, []).append(ended - began)
        return root, lasted

    def run(self, kills: int) -> dict[str, Any]:
        """Kills, resumes and compares; how many kills hit each phase, and how many runs were equal."""
        reference, lasted = self.reference()
        hit: Counter[str] = Counter()
        unequal: dict[str, list[str]] = {}
        runs = 0
        while hit.total() < kills:
            root, runs, mine = self.folder / f"run-{runs}", runs + 1, []
            for _ in range(10 * KILLS_A_RUN):
                if len(mine) == min(KILLS_A_RUN, kills - hit.total()):
                    break
                phase = self.random.choice(sorted(lasted))
                number = self.random.randrange(max(1, len(lasted[phase]) // 2))  # a resumed process has fewer of them
                status = self.start(root, Kill(phase, number, self.random.uniform(0, lasted[phase][number])))
                if status == 0:  # it came to its end before
                    break
                if status != -signal.SIGKILL:
                    unequal[root.name] = [f"exit {status}: {Path(f'{root}.log').read_text()[-500:]}"]
                    break
                mine.append(phase)
            hit.update(mine)
            status = self.start(root)
            found = differences(reference, root) if status == 0 else [f"exit {status}"]
            if found:
                unequal.setdefault(root.name, found[:5])
            else:
                shutil.rmtree(root)
            print(f"{root.name}: {', '.join(mine)}: {'equal' if not found else found[:5]}", flush=True)
        return {"kills": hit.total(), "runs": runs, "phases": dict(hit.most_common()), "unequal": unequal}


def _plain(kill: Kill | None) -> list[Any] | None:
    return [kill.phase, kill.number, kill.seconds] if kill else None


def differences(left: Path, right: Path) -> list[str]:
    """What differs between two finished runs: weights, states, summaries and logs, clocks aside."""
    from tools.run_differences import run_differences

    return run_differences(left, right)


def main() -> None:
    """Runs a campaign, or one process of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("build/chaos"))
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if options.fit:
        words, log, kill, trace = json.loads(options.fit)
        first = os.environ.get("LOCAL_RANK", "0") == "0"
        fit(words, log, Kill(*kill) if kill and first else None, trace if first else "")
        return
    outcome = Campaign(options.folder.resolve(), options.processes, options.seed).run(options.kills)
    machine = f"{os.cpu_count()} × {platform.processor() or platform.machine()}, {date.today()}"
    print(f"{outcome['kills']} kills in {outcome['runs']} runs of {options.processes} process(es); {machine}")
    for phase, count in outcome["phases"].items():
        print(f"| {phase} | {count} |")
    sys.exit(f"not equal: {json.dumps(outcome['unequal'], indent=2)}" if outcome["unequal"] else 0)


if __name__ == "__main__":
    main()
