"""What the test of a proposal and the cover let through: `python benchmarks/gates.py [MODEL] [--seeds 20]`.

Evolutions alone, with the policy as it is before training, in ways that differ in how a child is compared with its
parent: on three hard questions, one completion each, as the paper does (greedily, or sampled); again where the two are
even (`SecondChance`); on questions of which none of six bare rollouts was correct (`compare_on: unsolved`); with three
completions each; and all of it. Without MODEL the world is that of `configs/skills_small.yaml`, whose policy reflects
itself and whose templates help much; with a language model, by its folder or name on the hub, it is that of
`studies/real_lm_rare.yaml` with the templates written there, which help a little. `--ways` takes some of the ways.

Of each search two banks are made, by the two rules of `credit`. In percent: children that passed, of those that were
tried; evolutions with an empty bank; the pass rate of hard questions that evolution did not see, under the bank's
templates by their weights (bare if it is empty). Differences from the first way are paired by seed, with the 95 %
interval of their mean. Every way has the same budget, and asks a pair of question and template with the same seeds, so
that what was sampled once is not sampled again.
"""

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
import yaml
from reading_failures import difference, spread
from tabulate import tabulate
from transformers import PreTrainedModel

from evolution import WORLDS, WatchedEngine, World, build
from p2o.engines import SamplingParams
from p2o.evolution import DominanceSelector, SecondChance
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.phase import EvolutionPhase
from p2o.policy.module import PolicyModule
from p2o.prompts.set_cover import Credit, cover_known
from p2o.prompts.templates import TemplateBank
from p2o.reflectors import Reflector, SelfReflector, StaticReflector
from p2o.rewards import MarkedAnswer
from p2o.rollouts import RolloutRequest, RolloutWorker
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout
from p2o.worlds import DeskQuestions

ROOT = Path(__file__).parents[1]
ROLLOUTS = 6  # bare ones of a question, by which it is hard, as in the configs
WAYS: dict[str, dict[str, Any]] = {
    "one completion, greedy (paper)": {"temperature": 0.0},
    "one, sampled": {},
    "one, second chances": {"gate": SecondChance(3)},
    "one, unsolved": {"compare_on": "unsolved"},
    "three, sampled": {"completions": 3},
    "three, second chances": {"completions": 3, "gate": SecondChance(3)},
    "three, second chances, unsolved": {"completions": 3, "gate": SecondChance(3), "compare_on": "unsolved"},
}


class Remembering(RolloutWorker):
    """Samples what was sampled before, with the same seed, only once."""

    known: dict[tuple[str, str, int, float], Rollout]

    def roll_out(
        self,
        policy: PreTrainedModel,
        requests: Sequence[RolloutRequest],
        sampling: SamplingParams,
        phase: str,
        title: str = "rollouts",
    ) -> list[Rollout]:
        """As the worker does."""
        keys = [(one.question.id, one.template, one.seed, sampling.temperature) for one in requests]
        new = {key: one for key, one in zip(keys, requests, strict=True) if key not in self.known}
        found = super().roll_out(policy, list(new.values()), sampling, phase, title) if new else []
        self.known |= zip(new, found, strict=True)
        return [self.known[key] for key in keys]


class Bench:
    """A world with its policy, and what is the same for all ways.

    Args:
        model: Of the sums; None: the skills.
    """

    def __init__(self, model: str | None) -> None:
        config = yaml.safe_load((ROOT / "configs" / "real_lm.yaml").read_text(encoding="utf-8"))
        study = yaml.safe_load((ROOT / "studies" / "real_lm_rare.yaml").read_text(encoding="utf-8"))["options"]
        self.templates = study["evolution.reflector.init_args.templates"] if model else None
        self.world = WORLDS["skills"]
        self.sizes = {"budget": 500, "dev_size": 42, "width": 8, "proposals": 1, "min_hard_set": 14}
        if model:
            mark, length = study["model.reward.init_args.mark"], study["model.max_completion_length"]
            self.world = World(model, lambda: MarkedAnswer(mark), length, desk_sums, config["model"]["temperature"])
            self.sizes = {name: config["evolution"][name] for name in self.sizes}
        self.module: PolicyModule = build(WatchedEngine(), self.world)
        if model:
            self.module.instruction = self.module.renderer.instruction = ""
        worker = self.module.worker
        self.module.worker = Remembering(worker.engine, worker.renderer, worker.reward, worker.counts)
        self.module.worker.known = {}
        self.mined: dict[str, float] = {}
        self.hard = self.hard_ones(self.world.hard("train", 24 if model else 168))
        self.unseen = self.hard_ones(self.world.hard("validation", 48 if model else 98))
        self.rates: dict[str, float] = {}  # of unseen questions, by template

    @property
    def reflector(self) -> Reflector:
        """The policy itself, or the config's templates in an order of each seed's own."""
        if self.templates:
            return StaticReflector(self.templates, shuffle=True)
        return SelfReflector(temperature=1.0, max_reply_length=96)

    def hard_ones(self, questions: Sequence[Question]) -> list[Question]:
        """Those of which at most one of six bare rollouts is correct."""
        self.mined |= self.pass_rates(questions, "", range(ROLLOUTS))
        return [question for question in questions if self.mined[question.id] * ROLLOUTS <= 1]

    def pass_rates(self, questions: Sequence[Question], template: str, draws: Sequence[int]) -> dict[str, float]:
        """Share of sampled completions that are correct, by question."""
        requests = [
            RolloutRequest(question, template, derive_seed("pass rate", question.id, draw))
            for question in questions
            for draw in draws
        ]
        sampling = SamplingParams(self.world.temperature, self.module.sampling.max_completion_length)
        rollouts = self.module.worker.roll_out(self.module.policy, requests, sampling, "validation")
        correct = Counter(rollout.question.id for rollout in rollouts if rollout.correct)
        return {question.id: correct[question.id] / len(draws) for question in questions}

    def worth(self, bank: TemplateBank) -> float:
        """Mean pass rate of unseen questions under a bank's templates, in percent."""
        weights = {template.text: template.score for template in bank.templates} or {"": 1.0}
        return 100 * sum(weight * self.rate(text) for text, weight in weights.items()) / sum(weights.values())

    def rate(self, text: str) -> float:
        """Mean pass rate of unseen questions under a template, by draws that did not make them hard."""
        if text not in self.rates:
            self.rates[text] = statistics.fmean(self.pass_rates(self.unseen, text, [ROLLOUTS, ROLLOUTS + 1]).values())
        return self.rates[text]

    def evolve(self, way: str, seed: int) -> dict[str, float]:
        """What one evolution found."""
        settings = {"temperature": self.world.temperature, **self.sizes, **WAYS[way]}
        evolution = TemplateEvolution(self.reflector, DominanceSelector(), seed=seed, **settings)
        parts = (self.module, self.hard, 0, TemplateBank(), [], evolution.ledger, self.mined)
        search = EvolutionPhase(evolution, *parts).search
        search.run()
        pool, iterations = search.history.pool, search.history.iterations
        tried = sum(iteration.tried for iteration in iterations)
        found: dict[str, float] = {
            "rollouts": search.history.spent,
            "tried": tried,
            "accepted": 100 * sum(iteration.accepted for iteration in iterations) / tried if tried else 0.0,
            "pool": len(pool),
        }
        ids = [question.id for question in search.dev]
        scores = [dict(zip(ids, candidate.dev_scores, strict=True)) for candidate in pool]
        for credit in get_args(Credit):
            texts, weights = [one.text for one in pool], [one.dev_score for one in pool]
            bank = cover_known(texts, weights, ids, scores, credit)
            found |= {
                f"bank, {credit}": len(bank),
                f"empty, {credit}": 100.0 * (len(bank) == 0),
                f"worth, {credit}": self.worth(bank),
            }
        return found


def desk_sums(split: str, count: int) -> list[Question]:
    """Sums in a sentence."""
    return DeskQuestions(split, tasks=["sums"], count=count).load()


def main() -> None:
    """Prints a table, and writes what each evolution found if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bench = Bench(options.model)
    sizes = f"{len(bench.hard)} hard questions, {len(bench.unseen)} unseen ones"
    print(f"{sizes}, of which {100 * bench.rate(''):.1f} % are right bare")
    for text in bench.templates or ():
        print(f"{100 * bench.rate(text):.1f} % under {text!r}", flush=True)
    kept: dict[str, list[dict[str, float]]] = {way: [] for way in options.ways}
    for seed in range(options.seeds):
        for way, runs in kept.items():
            runs.append(bench.evolve(way, seed))
            print(way, seed, {name: round(value, 1) for name, value in runs[-1].items()}, flush=True)
        bench.module.worker.known.clear()  # of this seed's evaluations
        if options.json:
            options.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    names = [*next(iter(kept.values()))[0]]
    first = {name: [run[name] for run in next(iter(kept.values()))] for name in names}
    rows = []
    for number, (way, runs) in enumerate(kept.items()):
        columns = {name: [run[name] for run in runs] for name in names}
        compared = ["accepted", *(name for name in names if name.startswith("worth"))] if number else []
        rows.append(
            [way]
            + [
                spread(columns[name]) + (f"; {difference(columns[name], first[name])}" if name in compared else "")
                for name in names
            ]
        )
    print(tabulate(rows, ["way", *names], tablefmt="pipe"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
