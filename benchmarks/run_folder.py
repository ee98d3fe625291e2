"""How much a run grows with an epoch, on disk, in memory and in its checkpoint: its own logs of made-up rollouts.

    python benchmarks/run_folder.py                   # 10,000 questions, K = 8, 12,288 tokens each, 10 epochs
    python benchmarks/run_folder.py --epochs 3 --tokens 500 --proposals 20

Texts are words drawn by Zipf's law from a list, which compresses about as well as a language model's do. An evolution
has the paper's budget: some 170 proposals, whose prompts show three completions. A line is printed after each epoch, so
that a run that is cut off tells as much as it has.
"""

import argparse
import gc
import json
import random
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from lightning.pytorch.trainer.states import TrainerFn

import p2o.callbacks.question_log
import p2o.callbacks.rollout_log
from p2o.callbacks.evolution_log import EvolutionLog
from p2o.callbacks.question_log import QuestionLog
from p2o.callbacks.rollout_log import RolloutLog
from p2o.callbacks.validation_log import ValidationLog
from p2o.evolution import DominanceSelector
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.history import Candidate, History, Iteration, Status
from p2o.evolution.result import EvolutionResult
from p2o.evolution.settings import EvolutionSettings
from p2o.prompts.templates import TemplateBank
from p2o.reflectors import StaticReflector
from p2o.types import Completion, Grade, Outcome, Question, Rollout

WORDS = ["".join(random.Random(n).choices("aeiorstnlchmdpu", k=2 + n % 9)) for n in range(20000)]
WEIGHTS = [1 / (rank + 3) for rank in range(len(WORDS))]
TEMPLATES = ["", "Write the running result after each step.", "Check the answer backwards before you give it."]


def main() -> None:
    """Writes the epochs and prints what each file came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--validation", type=int, default=500)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=12_288)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--proposals", type=int, default=170)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_epochs(Path(folder), options)


def write_epochs(root: Path, options: argparse.Namespace) -> None:
    """Runs the logs over all epochs, and prints bytes by folder and seconds."""
    rng = random.Random(0)
    train = [question("t", n, rng) for n in range(options.questions)]
    held_back = [question("v", n, rng) for n in range(options.validation)]
    data = SimpleNamespace(
        train_questions=train, validation_questions=held_back, hard_set=SimpleNamespace(tau=options.generations // 3)
    )
    for module in (p2o.callbacks.question_log, p2o.callbacks.rollout_log):
        module.mixture_of = lambda trainer: data  # type: ignore[attr-defined]
    evolution = TemplateEvolution(StaticReflector(["x"]), DominanceSelector())
    trainer = SimpleNamespace(
        current_epoch=0,
        is_global_zero=True,
        default_root_dir=root,
        state=SimpleNamespace(fn=TrainerFn.FITTING),
        callbacks=[evolution],
    )
    logs = [QuestionLog(), RolloutLog(), ValidationLog()]
    evolution_log = EvolutionLog()
    logs[1].on_fit_start(trainer, None)
    kept = logs[1]._kept
    print("| epoch | MB on disk | MiB in memory after it | peak MiB | kB of state | seconds of the logs |")
    print("|--:|--:|--:|--:|--:|--:|", flush=True)
    for trainer.current_epoch in range(options.epochs):
        started, drawn = time.perf_counter(), 0.0
        for log in logs[:2]:
            log.on_train_epoch_start(trainer, None)
        for start in range(0, len(train), 128):
            before = time.perf_counter()
            groups = [group(one, options, rng, one.id in kept) for one in train[start : start + 128]]
            drawn += time.perf_counter() - before
            for log in logs[:2]:
                log.on_train_batch_end(trainer, None, {"groups": groups}, None, start)
        for log in logs[1:]:
            log.on_validation_start(trainer, None)
        before = time.perf_counter()
        answers = {
            context: [rollout(one, template, options, rng, one.id in kept) for one in held_back]
            for context, template in (("bare", ""), ("templated", TEMPLATES[1]))
        }
        drawn += time.perf_counter() - before
        for log in logs[1:]:
            log.on_validation_batch_end(trainer, None, {"rollouts": answers}, None, 0)
        for log in logs[1:]:
            log.on_validation_end(trainer, None)
        before = time.perf_counter()
        evolution.finished = evolved(trainer.current_epoch, train, options, rng)
        evolution.reports.append(evolution.finished.report())
        drawn += time.perf_counter() - before
        for log in logs[:2]:
            log.on_train_epoch_end(trainer, None)
        evolution_log.on_train_epoch_end(trainer, None)
        spent = time.perf_counter() - started - drawn
        states = [part.state_dict() for part in (*logs[:2], evolution)]
        print(grown(root, trainer.current_epoch, spent, len(json.dumps(states))), flush=True)
    print(f"\n| folder | MB after {options.epochs} epochs |\n|---|--:|")
    for name in sorted(path.name for path in root.iterdir()):
        print(f"| `{name}` | {size(root / name) / 1e6:.2f} |")


def grown(root: Path, epoch: int, seconds: float, state: int) -> str:
    """A row of the table."""
    gc.collect()
    now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return f"| {epoch} | {size(root) / 1e6:.1f} | {now:.0f} | {peak:.0f} | {state / 1e3:.1f} | {seconds:.1f} |"


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def evolved(epoch: int, train: list[Question], options: argparse.Namespace, rng: random.Random) -> EvolutionResult:
    """An evolution in which one proposal in eight comes into the pool."""
    dev = [one.id for one in train[:300]]
    words = int(0.75 * options.tokens)
    shown = text_of(3 * words, rng)  # one text for all would be one object in memory, hence the number before it
    seed = Candidate("", Status.SEED, 0, dev_scores=(0.0,) * len(dev))
    tried = [
        Candidate(
            text_of(80, rng),
            Status.REJECTED if number % 8 else Status.ACCEPTED,
            1 + number // 16,
            parent=0,
            mini_batch=tuple(dev[:3]),
            before=(0.0,) * 3,
            after=(0.0,) * 3,
            dev_scores=() if number % 8 else (0.0,) * len(dev),
            prompt=f"{number} {shown}",
            reply=text_of(150, rng),
        )
        for number in range(options.proposals)
    ]
    iterations = (Iteration(),) * (1 + options.proposals // 16)
    return EvolutionResult(
        epoch=epoch,
        train=tuple(one.id for one in train[300:]),
        dev=tuple(dev),
        settings=EvolutionSettings(budget=11_040),
        history=replace(History().extended([seed, *tried], Iteration()), iterations=iterations),
        bank=TemplateBank(),
        stopped="made up",
        seconds=0.0,
        tokens={},
        usages={},
    )


def question(part: str, number: int, rng: random.Random) -> Question:
    """A question of some hundred characters."""
    return Question(f"{part}-{number}", text_of(60, rng), str(rng.randrange(1000)), "all")


def group(one: Question, options: argparse.Namespace, rng: random.Random, kept: bool) -> list[Rollout]:
    """K rollouts of a question; only those that are kept need a text."""
    return [rollout(one, rng.choice(TEMPLATES), options, rng, kept) for _ in range(options.generations)]


def rollout(one: Question, template: str, options: argparse.Namespace, rng: random.Random, kept: bool) -> Rollout:
    """A rollout with as many tokens as the limit allows, at three quarters of a word each."""
    correct = rng.random() < 0.3
    grade = Grade(float(correct), Outcome.CORRECT if correct else Outcome.WRONG, one.answer)
    made = Rollout(one, template, (1,), Completion((2,), False), "", grade)
    return replace(made, text=text_of(int(0.75 * options.tokens), rng)) if kept else made


def text_of(words: int, rng: random.Random) -> str:
    """Words in a row."""
    return " ".join(rng.choices(WORDS, WEIGHTS, k=words))


if __name__ == "__main__":
    main()
