"""Many runs that are killed, resumed and compared; each is a line of a file, with which a later campaign goes on."""

import hashlib
import json
import os
import platform
import random
import shutil
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import torch

from tools.chaos.phases import IN_AN_EPOCH, START
from tools.chaos.processes import SHORT, Durations, Kill, prepare, start
from tools.run_differences import run_differences

ROOT = Path(__file__).parents[2]
OPTIONS = [
    "--trainer.max_epochs=2",
    "--trainer.enable_progress_bar=false",
    "--model.max_completion_length=16",
    "--model.mini_batch_size=2",
    "--model.reward=ExactAnswer",  # MathAnswer would start workers, which import sympy, after each kill
    "--data.train.init_args.easy=2",
    "--data.train.init_args.hard=4",
    "--data.validation.init_args.easy=2",
    "--data.validation.init_args.hard=2",
    "--data.num_generations=4",
    "--data.tau=4",
    "--evolution.budget=24",
    "--evolution.min_hard_set=2",
    "--evolution.reflector.init_args.max_reply_length=16",
    "--rollout_log.train=-1",
    "--fixed_questions.questions=1",
    "--checkpoint.every_n_steps=1",
]


@dataclass(frozen=True)
class Result:
    """A run that came to its end.

    Args:
        hits: The phase that each of its kills hit, and the ranks that it took.
        differences: From the undisturbed run; none if it equals that to the bit.
        seconds: From the first start to the comparison.
    """

    hits: list[tuple[str, list[int]]]
    differences: list[str]
    seconds: float


class Campaign:
    """Runs, kills and comparisons in one folder.

    Args:
        folder: Of the runs and their results; what an earlier campaign of the same program left there counts.
        processes: Of each run, 1 or 2.
        seed: Of the draws.
    """

    def __init__(self, folder: Path, processes: int, seed: int) -> None:
        self.folder = folder
        self.processes = processes
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "results.jsonl"
        self.results = self._earlier()
        self._random = random.Random(f"{seed}-{len(self.results)}")

    def run(self, kills: int) -> None:
        """Goes on until so many kills have hit."""
        prepare(self._words(self.folder))
        durations = self._reference()
        while (missing := kills - len(self.hits)) > 0:
            result = self._one(durations, missing)
            self.results.append(result)
            with self.path.open("a") as lines:
                lines.write(json.dumps(asdict(result)) + "\n")
            hit = ", ".join(f"{phase} {ranks}" if self.processes > 1 else phase for phase, ranks in result.hits)
            print(f"{hit}: {'equal' if not result.differences else result.differences}", flush=True)

    @property
    def hits(self) -> list[tuple[str, list[int]]]:
        """All kills so far."""
        return [hit for result in self.results for hit in result.hits]

    def _one(self, durations: Durations, kills: int) -> Result:
        """A run that is killed until it comes to its end, or `kills` times and then left alone."""
        began, root = time.monotonic(), self.folder / "run"
        shutil.rmtree(root, ignore_errors=True)
        hits: list[tuple[str, list[int]]] = []
        problems: list[str] = []
        for kill in [*self._plan(durations)[:kills], None]:
            phase, statuses = self._start(root, kill)
            if phase and kill:
                hits.append((phase, list(kill.victims)))
            if None in statuses:
                problems.append(f"after a kill of {kill} a process did not end: {statuses}")
            if not phase:
                break
        if any(statuses):
            problems.append(f"exit {statuses}: {Path(f'{root}.log').read_text()[-1500:]}")
        else:
            problems += run_differences(self.folder / "reference", root)[:5]
        if problems:
            shutil.move(root, self.folder / f"unequal-{len(self.results)}")
            shutil.copy(f"{root}.log", self.folder / f"unequal-{len(self.results)}.log")
        return Result(hits, problems, time.monotonic() - began)

    def _plan(self, durations: Durations) -> list[Kill]:
        """Kills in the order in which the phases come: each process dies soon after it has resumed."""
        done = Counter(phase for phase, _ in self.hits)
        phases = [START, *IN_AN_EPOCH, *IN_AN_EPOCH[:-3]]
        rare = min(done[phase] for phase in phases)
        kept = [phase for phase in phases if self._random.random() < 0.7 or done[phase] == rare]
        return [self._kill(phase, durations[phase]) for phase in kept]

    def _kill(self, phase: str, lasted: list[float]) -> Kill:
        number = self._random.choice([0, 0, 1])  # a resumed process has fewer of them than the whole run
        seconds = self._random.uniform(0, min(lasted))
        if statistics.median(lasted) < SHORT:
            seconds = self._random.choice([0.0, -1.0])
        if self.processes == 1:
            ranks: tuple[int, ...] = (0,)
        elif phase == START:  # before they have found one another, only what has started them can end the other one
            ranks = (0, 1)
        else:
            ranks = self._random.choice([(0,), (1,), (0, 1)])
        return Kill(phase, 0 if phase == START else number, seconds, ranks)

    def _reference(self) -> Durations:
        """Runs once undisturbed; how long each phase lasted each time."""
        root, trace = self.folder / "reference", self.folder / "durations.json"
        if not trace.exists():
            shutil.rmtree(root, ignore_errors=True)
            _, statuses = self._start(root, trace=str(trace))
            assert not any(statuses), Path(f"{root}.log").read_text()[-2000:]
        durations: Durations = json.loads(trace.read_text())
        return durations

    def _start(self, root: Path, kill: Kill | None = None, trace: str = "") -> tuple[str, list[int | None]]:
        return start(self._words(root), Path(f"{root}.log"), self.processes, kill, trace)

    def _words(self, root: Path) -> list[str]:
        words = ["fit", f"--config={ROOT}/configs/quickstart.yaml", f"--trainer.default_root_dir={root}", *OPTIONS]
        size = [f"--data.batch_size={4 // self.processes}", f"--trainer.devices={self.processes}"]
        return [*words, *size, "--ckpt_path=last"]

    def _earlier(self) -> list[Result]:
        """What an earlier campaign found, if it was of the same program."""
        head = {"program": program(), "processes": self.processes, "machine": machine(), "date": str(date.today())}
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        if lines and json.loads(lines[0])["program"] != head["program"]:
            raise SystemExit(f"{self.path}: these results are of another p2o. Move {self.folder} away.")
        if not lines:
            self.path.write_text(json.dumps(head) + "\n")
        return [Result(**json.loads(line)) for line in lines[1:]]


def program() -> str:
    """A digest of what is tried: results of two programs do not belong into one table."""
    digest = hashlib.sha256(" ".join(OPTIONS).encode())
    for path in sorted((ROOT / "src").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def machine() -> str:
    """What the runs ran on."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else platform.machine()
    return f"{os.cpu_count()} cores of {name}, torch {torch.__version__}"
