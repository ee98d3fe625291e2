"""What predicts how much the bare policy gains from templates: `python benchmarks/gain_predictors.py RUN [RUN …]`.

RUN is the folder of a run of P²O, whose families of questions are its difficulties: `runs/compare/fits/p2o-*` are those
of `p2o compare studies/skills_small.yaml`. Nothing is run; figures are read from the folders.

A case is a family in an epoch of a run in which at least `--rollouts` of its training rollouts had a template:

* the gap: how much more often templated than bare training rollouts of that epoch were right; that the gain is linear
  in it, taken before training, is claimed by arXiv 2605.30070 (abstract read);
* the room: how much of validation the bare policy had still wrong when the epoch began;
* the reliance Δ, in nats a token: how much less likely the bare policy made what was right under a template, and the
  share of its tokens that was masked; of each template the mean of the epoch, over the case's right templated rollouts
  (cases without one, and runs from before this was logged, have none);
* the gain: bare accuracy in validation after the epoch, and after the last one, minus that before the epoch.

Correlations are Pearson's, with 95 % intervals of a bootstrap over runs.
"""

import argparse
import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from p2o.run_folder.log_columns import ROLLOUT_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import template_id
from p2o.run_folder.question_tables import read_template_gaps
from p2o.run_folder.readers import read_summary
from p2o.types import TemplateGap

RESAMPLES = 2000
PREDICTORS = ("gap", "room", "reliance", "masked")


@dataclass(frozen=True)
class Case:
    """A family in an epoch of a run; shares, but for the reliance in nats, which like `masked` is nan if unknown."""

    family: str
    epoch: int
    gap: float
    room: float
    reliance: float
    masked: float
    gain: float
    gain_at_end: float


def cases(run: RunPaths, least: int) -> list[Case]:
    """The cases of a run, in order; the first epoch has no template."""
    history = [entry["bare"] for entry in read_summary(run)["history"]]
    found: list[Case] = []
    for epoch in range(1, len(history)):
        right: dict[tuple[str, bool], list[bool]] = defaultdict(list)
        known = read_template_gaps(run, epoch)
        relied: dict[str, list[TemplateGap]] = defaultdict(list)
        for row in ROLLOUT_LOG.read(run.rollouts("train", epoch)):
            right[row["difficulty"], bool(row["template"])].append(row["outcome"] == "correct")
            if row["outcome"] == "correct" and (found_gap := known.get(template_id(row["template"]))):
                relied[row["difficulty"]].append(found_gap)
        for family, before in history[epoch - 1].items():
            templated, bare = right[family, True], right[family, False]
            if len(templated) >= least and bare:
                gap = statistics.fmean(templated) - statistics.fmean(bare)
                own = relied[family]
                reliance, masked = (
                    statistics.fmean(getattr(one, name) for one in own) if own else math.nan
                    for name in ("gap", "masked")
                )
                gains = (history[epoch][family] - before, history[-1][family] - before)
                found.append(Case(family, epoch, gap, 1 - before, reliance, masked, *gains))
    return found


def interval(runs: Sequence[Sequence[Case]], statistic: Callable[[Sequence[Case]], float]) -> str:
    """A statistic over all cases, and its 95 % interval when runs are drawn again."""
    rng, drawn = random.Random(0), []
    for _ in range(RESAMPLES):
        pooled = [case for run in rng.choices(runs, k=len(runs)) for case in run]
        try:
            drawn.append(statistic(pooled))
        except statistics.StatisticsError:
            continue  # all cases alike
    drawn.sort()
    low, high = drawn[int(0.025 * len(drawn))], drawn[int(0.975 * len(drawn)) - 1]
    return f"{statistic([case for run in runs for case in run]):+.2f} ({low:+.2f} to {high:+.2f})"


def correlation(what: str, with_what: str) -> Callable[[Sequence[Case]], float]:
    """Of two fields, over the cases whose fields are known."""

    def of(found: Sequence[Case]) -> float:
        pairs = [(getattr(case, what), getattr(case, with_what)) for case in found]
        return statistics.correlation(*zip(*(pair for pair in pairs if not math.isnan(pair[0])), strict=True))

    return of


def slope(found: Sequence[Case]) -> float:
    """Points of gain to the end for a point of gap."""
    return statistics.linear_regression([case.gap for case in found], [case.gain_at_end for case in found]).slope


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--rollouts", type=int, default=12, help="with a template, of a case at least")
    arguments = parser.parse_args()
    runs = [cases(RunPaths(folder), arguments.rollouts) for folder in arguments.runs]
    everything = [case for run in runs for case in run]
    print(f"{len(everything)} cases of {len(runs)} runs.\n")
    rows = [
        [what, *(interval(runs, correlation(what, gain)) for gain in ("gain", "gain_at_end"))]
        for what in PREDICTORS
        if len({value for case in everything if not math.isnan(value := getattr(case, what))}) > 2
    ]
    print(tabulate(rows, ["correlation of", "with the gain of its epoch", "with the gain to the end"], tablefmt="pipe"))
    print(f"\nGain to the end for a point of gap: {interval(runs, slope)}\n")
    table = []
    for family in dict.fromkeys(case.family for case in everything):
        own = [case for case in everything if case.family == family]
        means = [
            100 * statistics.fmean(getattr(case, name) for case in own)
            for name in ("gap", "room", "gain", "gain_at_end")
        ]
        relied = [case for case in own if not math.isnan(case.reliance)]
        told = ["–", "–"]
        if relied:
            reliance, masked = (statistics.fmean(getattr(one, of) for one in relied) for of in ("reliance", "masked"))
            told = [f"{reliance:.2f}", f"{masked:.1%}"]
        table.append([family, len(own), *(f"{mean:.0f}" for mean in means), *told])
    head = ["family", "cases", "gap", "room", "gain", "gain to the end", "Δ, nats", "masked"]
    print(tabulate(table, head, tablefmt="pipe"))


if __name__ == "__main__":
    main()
