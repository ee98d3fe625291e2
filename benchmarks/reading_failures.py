"""What evolution gains by reading failures, and by generations: `python benchmarks/reading_failures.py [--seeds 20]`.

Runs evolutions of `configs/skills_small.yaml` with the bundled policy of the skills as it is before training, in three
ways that studies/skills_reading.yaml compares by what a policy learns from them:

* reading: the policy is shown failures of the templates on the front, and proposes (GEPA);
* single turn: it is shown failures of the bare question alone;
* drawn: nobody reads; the study's list of random sentences, in another order for each seed.

Each spends the same budgets on the same questions with the same seeds. In percent: proposals that passed the
comparison on a mini-batch, of those that were tried; and of questions that evolution did not see, how many some
template of the bank solves greedily (cover), the pass rate under the templates that they would be given (assigned), and
under the one template with the best dev score (best one), each by one completion at T = 1. Differences from reading
are paired by seed, with the 95 % interval of their mean.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from tabulate import tabulate

from evolution import WORLDS, WatchedEngine, build, held_out
from p2o.evaluation.student import student_quantile
from p2o.evolution import DominanceSelector, SeedSelector
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.phase import EvolutionPhase
from p2o.policy.module import PolicyModule
from p2o.prompts.templates import TemplateBank
from p2o.reflectors import SelfReflector, StaticReflector
from p2o.rollouts import RolloutRequest
from p2o.seeds import derive_seed

STUDY = Path(__file__).parents[1] / "studies" / "skills_reading.yaml"
WORLD = WORLDS["skills"]
QUALITIES = ("accepted", "cover", "assigned", "best one")


def drawn() -> StaticReflector:
    """The study's random sentences."""
    drawn = yaml.safe_load(STUDY.read_text(encoding="utf-8"))["methods"]["drawn"]
    return StaticReflector(**drawn["options"]["evolution.reflector"]["init_args"])


def itself() -> SelfReflector:
    """The policy as its own reflector, as the config has it."""
    return SelfReflector(temperature=1.0, max_reply_length=96)


WAYS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "reading": lambda: (itself(), DominanceSelector()),
    "single turn": lambda: (itself(), SeedSelector()),
    "drawn": lambda: (drawn(), DominanceSelector()),
}


def qualities(module: PolicyModule, way: str, budget: int, mini_batch: int, seed: int) -> dict[str, float]:
    """What one evolution found, in percent, and how many templates its pool and its bank have."""
    sizes = {"budget": budget, "mini_batch_size": mini_batch, "dev_size": 42, "width": 8, "min_hard_set": 14}
    evolution = TemplateEvolution(*WAYS[way](), **sizes, temperature=WORLD.temperature, seed=seed)
    hard = WORLD.hard("train", 168)
    search = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger).search
    search.run()
    iterations, bank = search.history.iterations, search.bank
    tried = sum(iteration.tried for iteration in iterations)
    unseen = WORLD.hard("validation", 98)
    found = held_out(module, bank, unseen, seed)
    best = max(bank.templates, key=lambda template: template.score).text if bank.templates else ""
    requests = [RolloutRequest(question, best, derive_seed(seed, "best", question.id)) for question in unseen]
    rollouts = module.worker.roll_out(module.policy, requests, module.sampling, "validation")
    return {
        "accepted": 100 * sum(iteration.accepted for iteration in iterations) / tried if tried else 0.0,
        "cover": 100 * found["cover"],
        "assigned": 100 * found["pass rate"],
        "best one": 100 * statistics.fmean(rollout.correct for rollout in rollouts),
        "pool": len(search.history.pool),
        "bank": len(bank.templates),
        "rollouts": search.history.spent,
    }


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def difference(values: Sequence[float], others: Sequence[float]) -> str:
    """Mean of the paired differences with its 95 % interval."""
    differences = [value - other for value, other in zip(values, others, strict=True)]
    errors = student_quantile(len(differences) - 1)
    middle, half = statistics.fmean(differences), errors * statistics.stdev(differences) / math.sqrt(len(differences))
    return f"{middle:+.1f} ({middle - half:+.1f} to {middle + half:+.1f})"


def main() -> None:
    """Prints a table, and writes what each evolution found if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budgets", type=int, nargs="+", default=[125, 250, 500])
    parser.add_argument("--mini-batch", type=int, default=3, help="train questions of a comparison")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    module = build(WatchedEngine(), WORLD)
    rows, kept = [], {}
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for budget in options.budgets:
        found = {way: [qualities(module, way, budget, options.mini_batch, seed) for seed in seeds] for way in WAYS}
        kept[budget] = found
        for way, runs in found.items():
            columns = {name: [run[name] for run in runs] for name in runs[0]}
            reading = {name: [run[name] for run in found["reading"]] for name in runs[0]}
            cells = [spread(columns[name]) for name in ("rollouts", "pool", "bank")]
            for name in QUALITIES:
                same = way == "reading"
                cells.append(spread(columns[name]) + ("" if same else f"; {difference(columns[name], reading[name])}"))
            rows.append([budget, way, *cells])
    print(tabulate(rows, ["budget", "way", "rollouts", "pool", "bank", *QUALITIES], tablefmt="pipe"))
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
