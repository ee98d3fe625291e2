"""What evolution buys for its rollouts: `python benchmarks/evolution_sim.py [--worlds 20] [--json PATH]`.

Drives p2o's own search in made-up worlds, in which the pass rate of every template on every question is known, and says
at which share of the paper's rollouts each way of spending them reaches the paper's quality. Nothing is generated, so a
world takes seconds, and many of them give intervals.

A world has 1,000 hard questions (of six draws of the bare question at most one is right): 300 dev, 300 train, 400 held
out. Questions come in families. A template has a skill for each family, and solves a question with probability
sigmoid(skill of its family - difficulty + interaction), greedily by the sign of that sum and some noise. A reflector
changes a parent's skills: it adds to the family of a failed example, or to all of them, or does no good. The regimes:

- strong: gains are large and carry over to other families;
- special: gains are large, in one family, and cost the others;
- weak: gains are small, and many mini-batches end 0 to 0.

Qualities, in percent: dev questions, and others (train and held out), that some template of the bank solves greedily;
mean pass rate of held-out and of dev questions under the templates that they would be given.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from p2o.evolution import DominanceSelector, Gate, SecondChance, StrictImprovement
from p2o.evolution.history import History
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.settings import EvolutionSettings
from p2o.evolution.stages.gepa import Found, GepaStage
from p2o.evolution.trials import Graded, share_correct
from p2o.prompts.set_cover import solves
from p2o.prompts.templates import TemplateBank
from p2o.reflectors.base import Example, Proposal, ReflectionJob
from p2o.types import Completion, Grade, Outcome, Question, Rollout

FAMILIES, INTERACTION = 6, 0.7
QUALITIES = ("cover dev", "cover held-out", "pass held-out", "pass dev")


@dataclass(frozen=True)
class Regime:
    """What mutations do.

    Args:
        difficulty: Mean and standard deviation.
        special: Chance of a mutation that adds to one family; the others are for all families and for nothing.
        general: Chance of one that adds to all families.
        special_gain: From and to.
        general_gain: From and to.
        side_effect: What a special one costs every other family, from and to.
        ceiling: Skills near it gain less.
        noise: Of greedy decoding.
    """

    difficulty: tuple[float, float]
    special: float
    general: float
    special_gain: tuple[float, float]
    general_gain: tuple[float, float]
    side_effect: tuple[float, float]
    ceiling: float
    noise: float


REGIMES = {
    "strong": Regime((1.2, 2.0), 0.35, 0.20, (0.5, 2.5), (0.5, 1.6), (0.0, 0.2), 3.2, 0.6),
    "special": Regime((1.3, 2.0), 0.60, 0.05, (1.5, 4.0), (0.1, 0.5), (0.2, 0.9), 3.6, 0.6),
    "weak": Regime((1.5, 2.8), 0.25, 0.12, (0.3, 1.2), (0.1, 0.6), (0.0, 0.25), 1.8, 0.8),
}


class World:
    """Questions, the templates that were proposed so far, and what they solve; a stand-in for policy and reflector.

    Args:
        regime: What mutations do.
        seed: Of everything.
        dev: Dev questions.
        train: Train questions.
        fresh: Questions that evolution never sees.
    """

    def __init__(self, regime: Regime, seed: int, dev: int, train: int, fresh: int) -> None:
        self.regime, self.seed = regime, seed
        self.dev, self.train = dev, train
        rng = np.random.default_rng((seed, 1))
        shift = rng.normal(0, INTERACTION, FAMILIES)
        family, difficulty, interaction = [], [], []
        while len(family) < dev + train + fresh:
            kind = int(rng.integers(FAMILIES))
            hardness = rng.normal(regime.difficulty[0] + shift[kind], regime.difficulty[1])
            own = rng.normal(0, INTERACTION)
            if rng.binomial(6, sigmoid(own - hardness)) <= 1:  # else it is no hard question
                family.append(kind)
                difficulty.append(hardness)
                interaction.append(own)
        self.family, self.difficulty = np.array(family), np.array(difficulty)
        self.questions = [Question(str(number), "", "") for number in range(len(family))]
        self.skills: dict[str, np.ndarray] = {}
        self.rate: dict[str, np.ndarray] = {}  # pass rate at the temperature of training
        self.greedy: dict[str, np.ndarray] = {}
        self.add("", np.zeros(FAMILIES), np.array(interaction))
        self.calls: list[int] = []

    def add(self, text: str, skill: np.ndarray, interaction: np.ndarray | None = None) -> None:
        """A template with these skills."""
        rng = np.random.default_rng((self.seed, 2, *text.encode()))
        if interaction is None:
            interaction = rng.normal(0, INTERACTION, len(self.family))
        logit = skill[self.family] - self.difficulty + interaction
        self.skills[text], self.rate[text] = skill, sigmoid(logit)
        self.greedy[text] = logit + self.regime.noise * rng.logistic(0, 1, len(logit)) > 0

    def evaluate(self, pairs: Sequence[tuple[Question, str]], phase: str) -> list[Graded]:
        """One greedy completion for each pair."""
        self.calls.append(len(pairs))
        return [(graded(question, text, bool(self.greedy[text][int(question.id)])),) for question, text in pairs]

    def draw_again(self, pairs: Sequence[tuple[Question, str]], phase: str) -> list[Graded]:
        """One sampled completion for each pair."""
        self.calls.append(len(pairs))
        rng = np.random.default_rng((self.seed, 3))
        return [
            (graded(question, text, bool(rng.random() < self.rate[text][int(question.id)])),)
            for question, text in pairs
        ]

    def reflect(self, jobs: Sequence[ReflectionJob]) -> list[Proposal]:
        """A mutation of each parent."""
        return [Proposal(self._mutated(job)) for job in jobs]

    def _mutated(self, job: ReflectionJob) -> str:
        regime = self.regime
        rng = np.random.default_rng((self.seed, 4, job.seed))
        old = self.skills[job.template]
        room = np.clip(1 - old / regime.ceiling, 0, 1.3)
        skill = old + rng.normal(0, 0.1, FAMILIES)
        failed = [int(self.family[int(one.inputs)]) for one in job.examples if one.feedback == "wrong"]
        kind = rng.random()
        if kind < regime.special:
            target = failed[int(rng.integers(len(failed)))]
            loss = rng.uniform(*regime.side_effect, FAMILIES)
            loss[target] = 0.0
            skill -= loss
            skill[target] += rng.uniform(*regime.special_gain) * room[target]
        elif kind < regime.special + regime.general:
            skill += rng.uniform(*regime.general_gain) * room
        else:
            skill += rng.normal(-0.25, 0.35)
        text = f"{job.template} {job.seed:x}"[-40:].strip()
        self.add(text, skill)
        return text

    def quality(self, bank: TemplateBank) -> dict[str, float]:
        """The four qualities of a bank, in percent."""
        texts = [template.text for template in bank.templates] or [""]
        weights = np.array([template.score for template in bank.templates] or [1.0])
        weights = weights if weights.any() else np.ones(len(texts))
        rates = np.array([self.rate[text] for text in texts])  # [bank, questions]
        solved = np.array([self.greedy[text] for text in texts]).any(0) if len(bank) else np.zeros(len(self.family))
        given = weights @ rates / weights.sum()
        for id, indices in bank.solvers.items():
            own = weights[list(indices)]
            own = own if own.any() else np.ones(len(indices))
            given[int(id)] = own @ rates[list(indices), int(id)] / own.sum()
        dev, fresh = slice(self.dev), slice(self.dev + self.train, None)
        values = (solved[dev].mean(), solved[self.dev :].mean(), given[fresh].mean(), given[dev].mean())
        return {name: 100 * float(value) for name, value in zip(QUALITIES, values, strict=True)}


def sigmoid(value: Any) -> Any:  # noqa: ANN401 (a number or an array)
    """The logistic function."""
    return 1 / (1 + np.exp(-value))


def graded(question: Question, text: str, correct: bool) -> Rollout:
    """A rollout without tokens."""
    grade = Grade(float(correct), Outcome.CORRECT if correct else Outcome.WRONG)
    return Rollout(question, text, (), Completion((), truncated=False), "", grade)


def to_example(rollout: Rollout) -> Example:
    """What the stand-in for a reflector reads: the question's number, and whether it was solved."""
    return Example(rollout.question.id, "", "right" if rollout.correct else "wrong")


@dataclass(frozen=True)
class RacingStage(GepaStage):
    """GEPA whose children leave the dev questions after 32 of them if they are neither new nor strong there.

    A child goes on if it solved a question that the pool does not, or scored more than half of the pool's best mean.
    """

    known: dict[str, Any] = field(default_factory=dict)  # of the pool at the start of an iteration
    block: int = 32

    def __call__(self, history: History, limit: int, left: int) -> Found:
        """One iteration; what the pool solves is looked up first."""
        rows = np.array([candidate.dev_scores for candidate in history.pool])
        self.known.update(solved=(rows > 0.5).any(0), bar=rows.mean(1).max() / 2)
        return super().__call__(history, limit, left)

    def score(self, texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
        """The dev vectors of those that go on; the seeds always do."""
        if not self.known:
            return super().score(texts)
        first = self._part(texts, slice(self.block))
        kept = [text for text in texts if self._goes_on(first[text])]
        rest = self._part(kept, slice(self.block, None))
        return {text: first[text] + rest[text] for text in kept}

    def _goes_on(self, scores: Sequence[float]) -> bool:
        new = any(solves(score) and not known for score, known in zip(scores, self.known["solved"], strict=False))
        return new or statistics.fmean(scores) > self.known["bar"]

    def _part(self, texts: Sequence[str], part: slice) -> dict[str, tuple[float, ...]]:
        results = self.evaluation(texts, [tuple(self.screen[part])] * len(texts), "dev")
        return {text: tuple(map(share_correct, result)) for text, result in zip(texts, results, strict=True)}


@dataclass(frozen=True)
class Variant:
    """A way of spending a budget.

    Args:
        changes: Of the settings.
        gate: Decides which children are scored.
        stage: The iteration of the search.
    """

    changes: dict[str, Any]
    gate: Gate = StrictImprovement()  # noqa: RUF009 (it has no state)
    stage: type[GepaStage] = GepaStage


def variants(dev: int) -> dict[str, Variant]:
    """By name; a screen is a sixth of the dev questions."""
    screen: dict[str, Any] = {"screen_size": max(1, round(0.16 * dev)), "cover_share": 0.5}
    return {
        "paper": Variant({}),
        "racing": Variant({}, stage=RacingStage),
        "screen": Variant(screen),
        "screen, quarter": Variant(screen | {"cover_share": 0.25}),
        "screen, second chance": Variant(screen, gate=SecondChance(3)),
        "screen, 8 parents": Variant(screen | {"min_parents": 8}),
        "screen, confirmed": Variant(screen | {"confirm": "drop"}),
        "second chance": Variant({}, gate=SecondChance(3)),
    }


def run(new_world: Callable[[], World], variant: Variant, budget: int, seed: int) -> dict[str, float]:
    """Quality and cost of one evolution."""
    world = new_world()
    search = EvolutionSearch(
        train=world.questions[world.dev : world.dev + world.train],
        dev=world.questions[: world.dev],
        settings=EvolutionSettings(budget, **variant.changes),
        evaluate=world.evaluate,
        reflect=world.reflect,
        to_example=to_example,
        selector=DominanceSelector(),
        seed=seed,
        gate=variant.gate,
        draw_again=world.draw_again,
    )
    if variant.stage is not GepaStage:
        search.gepa = variant.stage(**vars(search.gepa))
    history = search.run()
    singles = search.schedule.single_solvers
    lucky = [world.rate[history.pool[index].text][int(id)] < 1 / 6 for id, index in singles.items()]
    return world.quality(search.bank) | {
        "spent": history.spent,
        "calls": len(world.calls),
        "engine time": sum(max(128, size) for size in world.calls),
        "reflections": history.proposals,
        "pool": len(history.pool),
        "bank": len(search.bank),
        "single solvers": len(singles),
        "of them lucky": 100 * statistics.fmean(lucky) if lucky else 0.0,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=4, help="of each regime; the same ones for every variant")
    parser.add_argument("--first", type=int, default=100, help="seed of the first one")
    parser.add_argument("--regimes", nargs="+", choices=list(REGIMES), default=list(REGIMES))
    parser.add_argument("--variants", nargs="+", default=["paper", "racing", "screen"], help="or all")
    parser.add_argument("--budget", type=int, default=11_040, help="the paper's at 300 dev questions")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.125, 0.25, 0.375, 0.5, 0.75, 1.0])
    parser.add_argument("--dev", type=int, default=300)
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--figure", type=Path, help="draws the curves as SVG (needs matplotlib)")
    parser.add_argument("--json", type=Path, help="keeps every run, and goes on where it was interrupted")
    options = parser.parse_args()
    known = variants(options.dev)
    names = list(known) if options.variants == ["all"] else options.variants
    done: dict[str, dict[str, float]] = {}
    if options.json and options.json.exists():
        done = json.loads(options.json.read_text(encoding="utf-8"))
    started = time.process_time()
    for seed in range(options.first, options.first + options.worlds):
        for regime in options.regimes:
            for name in names:
                for share in options.shares:
                    key = f"{regime}/{name}/{share}/{seed}/{options.dev}/{options.budget}"
                    if key not in done:

                        def world(regime: str = regime, seed: int = seed) -> World:
                            return World(REGIMES[regime], seed, options.dev, options.train, 400)

                        done[key] = run(world, known[name], int(share * options.budget), seed)
            if options.json:
                options.json.write_text(json.dumps(done), encoding="utf-8")
    for regime in options.regimes:
        print(f"\n## {regime}: {options.worlds} worlds, {options.dev} dev questions, {options.budget:,} rollouts\n")
        show(options, regime, names, done)
    if options.figure:
        draw(options, names, done)
    print(f"\n{time.process_time() - started:.0f} s of processor time")


def figures(
    options: argparse.Namespace,
    done: dict[str, dict[str, float]],
    regime: str,
    name: str,
    share: float,
    figure: str,
) -> np.ndarray:
    """One figure of a variant at a budget, in every world."""
    seeds = range(options.first, options.first + options.worlds)
    keys = (f"{regime}/{name}/{share}/{seed}/{options.dev}/{options.budget}" for seed in seeds)
    return np.array([done[key][figure] for key in keys])


def draw(options: argparse.Namespace, names: Sequence[str], done: dict[str, dict[str, float]]) -> None:
    """Cover and pass rate of held-out questions over rollouts, a column for each regime; bars are 95 % intervals."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(3.2 * len(options.regimes), 5.2), layout="constrained")
    panels = canvas.subplots(2, len(options.regimes), squeeze=False, sharex=True)
    for column, regime in enumerate(options.regimes):
        for row, quality in enumerate(("cover held-out", "pass held-out")):
            panel = panels[row][column]
            for name in names:
                points = [figures(options, done, regime, name, share, quality) for share in options.shares]
                costs = [figures(options, done, regime, name, share, "spent").mean() for share in options.shares]
                errors = [1.96 * point.std(ddof=1) / math.sqrt(len(point)) for point in points]
                means = [point.mean() for point in points]
                panel.errorbar(costs, means, errors, marker="o", markersize=3, linewidth=1, capsize=2, label=name)
            panel.set_title(f"{regime}: {quality}", fontsize=9)
            panel.grid(color="#dddddd", linewidth=0.6)
            panel.tick_params(labelsize=8)
    for panel in panels[1]:
        panel.set_xlabel("rollouts", fontsize=8)
    for panel in panels[:, 0]:
        panel.set_ylabel("%", fontsize=8)
    panels[0][0].legend(frameon=False, fontsize=8)
    canvas.savefig(options.figure, metadata={"Date": None})


def show(options: argparse.Namespace, regime: str, names: Sequence[str], done: dict[str, dict[str, float]]) -> None:
    """The curves of a regime, and where each variant reaches the paper's quality."""

    def values(name: str, share: float, figure: str) -> np.ndarray:
        return figures(options, done, regime, name, share, figure)

    others = ("spent", "calls", "engine time", "reflections", "pool", "bank", "of them lucky")
    print("| variant | budget | " + " | ".join((*QUALITIES, *others)) + " |\n|" + "---|" * (6 + len(others)))
    for name in names:
        for share in options.shares:
            cells = [with_interval(values(name, share, quality)) for quality in QUALITIES]
            cells += [f"{values(name, share, figure).mean():,.0f}" for figure in others]
            print(f"| {name} | {share:g} | {' | '.join(cells)} |")
    print("\n| reaches the paper's quality at | " + " | ".join((*QUALITIES, "all four")) + " |\n|" + "---|" * 6)
    for name in names:
        curves = {
            quality: np.array([values(name, share, quality) for share in options.shares]) for quality in QUALITIES
        }
        goals = {quality: values("paper", options.shares[-1], quality) for quality in QUALITIES}
        costs = np.array([values(name, share, "spent") for share in options.shares]) / options.budget
        print(f"| {name} | " + " | ".join(ratios(curves, goals, costs)) + " |")


def with_interval(values: np.ndarray) -> str:
    """Mean, and half of the 95 % interval over worlds."""
    half = 1.96 * values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{values.mean():.1f} ± {half:.1f}"


def ratios(curves: dict[str, np.ndarray], goals: dict[str, np.ndarray], costs: np.ndarray) -> list[str]:
    """Share of the paper's rollouts at which the mean curve reaches the paper's mean, with bootstrap intervals."""
    rng = np.random.default_rng(0)
    worlds = costs.shape[1]
    draws = [np.arange(worlds), *(rng.integers(worlds, size=worlds) for _ in range(500))]
    found = {
        name: [reached(costs[:, draw].mean(1), curve[:, draw].mean(1), goals[name][draw].mean()) for draw in draws]
        for name, curve in curves.items()
    }
    found["all four"] = [max(values) for values in zip(*found.values(), strict=True)]
    cells = []
    for values in found.values():
        low, high = np.quantile(values[1:], [0.025, 0.975], method="nearest")
        cells.append(f"{_ratio(values[0])} ({_ratio(low)}–{_ratio(high)})")
    return cells


def reached(costs: np.ndarray, curve: np.ndarray, goal: float) -> float:
    """Where a curve first reaches a goal, linear between its points; infinite if it never does."""
    for index, value in enumerate(curve):
        if value >= goal - 1e-9:
            if index == 0:
                return float(costs[0])
            part = (goal - curve[index - 1]) / (value - curve[index - 1])
            return float(costs[index - 1] + part * (costs[index] - costs[index - 1]))
    return math.inf


def _ratio(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
