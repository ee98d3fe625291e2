"""Whether the world of skills can tell methods apart: `python benchmarks/skills_properties.py RUN [RUN …]`.

RUN is the folder of a run of `configs/skills_small.yaml`, whatever its method: `runs/compare/fits/p2o-*` are those of
`p2o compare studies/skills_small.yaml`. Nothing is run; every figure is read from the folders, and given as mean ±
standard deviation over them.

* What a bank is made of: templates, and the dev questions that the best single template solves of those that all of
  them do, each in the evolution of its epoch; and how often the empty template is in it, and drawn.
* How the bare policy learns: accuracy by family after each epoch.
* How bare completions come to their answers (of the validation questions whose completions the run keeps): by the
  family's own procedure, soundly or with a slip in it, by another family's, or without one.
* How large the hard set would be for τ = 1, 2 and 4, by the rollouts that were made.
* The joint objective of policy and templates at each half-step: the mean reward of the fixed questions under the
  templates that they carry, before and after the training of an epoch, and bare; and KL(policy ‖ policy before
  training) on their bare answers, in millinats a token, of runs that measured it (`studies/skills_convergence.yaml`).
  An evolution does not move the policy, so that this is the same before the next training.
* Whether the alternation oscillates: questions that became hard again after they were not, and again not after that.
"""

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from tabulate import tabulate

from p2o.io.tables import read_rows
from p2o.prompts.set_cover import solves
from p2o.run_folder.log_columns import QUESTION_LOG, ROLLOUT_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.readers import read_summary
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.skills import Process, read_process
from p2o.worlds.skills.families import read_task

TAUS = (1, 2, 4)


def banks(paths: RunPaths) -> list[tuple[int, float | None]]:
    """The templates of each evolution's bank, and the best one's share of what the pool solves; None if nothing is."""
    found: list[tuple[int, float | None]] = []
    for path in sorted(paths.root.glob("evolution/epoch-[0-9]*[0-9].jsonl")):
        rows = [row for _, row in read_rows(path)]
        bank = [row for row in rows if row["weight"] is not None]
        solved = [
            {i for i, score in enumerate(row["dev_scores"]) if solves(score)} for row in rows if row["dev_scores"]
        ]
        covered = set().union(*solved)
        found.append((len(bank), max(map(len, solved)) / len(covered) if bank and covered else None))
    return found


def empty_shares(paths: RunPaths) -> list[float]:
    """Of each bank that has templates, the chance that a question draws the empty one; 0 if it is not there."""
    found = []
    for path in sorted(paths.root.glob("evolution/epoch-[0-9]*[0-9].jsonl")):
        weights = {row["id"]: row["weight"] for _, row in read_rows(path) if row["weight"] is not None}
        if total := sum(weights.values()):
            found.append(weights.get("", 0.0) / total)
    return found


def hard_sizes(paths: RunPaths, epochs: int) -> list[list[int]]:
    """Questions with fewer than τ correct rollouts, for each τ, in each epoch [E, 3]."""
    counts = [[row["correct"] for row in QUESTION_LOG.read(paths.questions(epoch))] for epoch in range(epochs)]
    return [[sum(correct < tau for correct in epoch) for tau in TAUS] for epoch in counts]


def bounces(paths: RunPaths, epochs: int) -> list[int]:
    """How many questions changed between hard and not hard 0, 1, 2, and 3 or more times [4]."""
    states: dict[str, list[bool]] = {}
    for epoch in range(epochs):
        for row in QUESTION_LOG.read(paths.questions(epoch)):
            states.setdefault(row["id"], []).append(row["hard"])
    changes = [sum(a != b for a, b in pairwise(seen)) for seen in states.values()]
    return [sum(min(change, 3) == kind for change in changes) for kind in range(4)]


def half_steps(paths: RunPaths, epochs: int) -> list[list[float]]:
    """Mean rewards of the fixed questions in %, of each epoch: before training, after it, and bare after it [E, 3]."""
    found: dict[tuple[int, str], float] = {}
    for measured in json.loads(paths.fixed_questions.read_text())["measurements"]:
        for context in ("mixture", "bare"):
            rewards = [reward for question in measured["questions"] for reward, _ in question[context]]
            found[measured["epoch"], f"{context} {measured['moment']}"] = 100 * statistics.fmean(rewards)
    kinds = ("mixture before training", "mixture after training", "bare after training")
    return [[found[epoch, kind] for kind in kinds] for epoch in range(epochs)]


def distances(paths: RunPaths) -> list[float]:
    """KL to the policy before training after each epoch's training, in millinats a token [E]; of many runs, empty."""
    measured = json.loads(paths.fixed_questions.read_text())["measurements"]
    return [1000 * one["kl"] for one in measured if one["moment"] == "after training" and "kl" in one]


def processes(paths: RunPaths, epoch: int) -> list[float]:
    """Shares of the ways in which bare validation completions of an epoch went, in %, in the order of `Process`."""
    rows = [row for row in ROLLOUT_LOG.read(paths.rollouts("validation", epoch)) if row["context"] == "bare"]
    asked = [(read_task(row["question"].removeprefix(INSTRUCTION)), row["completion"]) for row in rows]
    ways = [read_process(task, text).process for task, text in asked if task is not None]
    return [100 * ways.count(way) / len(ways) for way in Process]


def spread(values: Iterable[float | None], digits: int = 1) -> str:
    """Mean ± standard deviation of what is there."""
    there = [value for value in values if value is not None]
    if not there:
        return "–"
    deviation = statistics.stdev(there) if len(there) > 1 else 0.0
    return f"{statistics.fmean(there):.{digits}f} ± {deviation:.{digits}f}"


def columns(rows: Sequence[Sequence[float | None]], digits: int = 1) -> list[str]:
    """The spread of each column over runs."""
    return [spread(column, digits) for column in zip(*rows, strict=True)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    runs = [RunPaths(folder) for folder in parser.parse_args().runs]
    summaries = [read_summary(paths) for paths in runs]
    epochs = min(summary["epochs"] for summary in summaries)
    head = ["", *(f"epoch {epoch}" for epoch in range(epochs))]
    families = list(summaries[0]["history"][0]["bare"])
    accuracy = [[[100 * h["bare"][name] for h in s["history"][:epochs]] for s in summaries] for name in families]
    table = [[name, *columns(rows)] for name, rows in zip(families, accuracy, strict=True)]
    means = [[statistics.fmean(h["bare"].values()) * 100 for h in s["history"][:epochs]] for s in summaries]
    print(f"{len(runs)} runs. Bare accuracy, %:\n")
    print(tabulate([*table, ["all", *columns(means)]], head, tablefmt="pipe"))
    went = [[processes(paths, epoch) for epoch in range(epochs)] for paths in runs]
    table = [[way, *columns([[epoch[i] for epoch in run] for run in went])] for i, way in enumerate(Process)]
    print(f"\nBare completions by the way they went, %:\n\n{tabulate(table, head, tablefmt='pipe')}")
    sizes = [hard_sizes(paths, epochs) for paths in runs]
    table = [[f"τ = {tau}", *columns([[epoch[i] for epoch in run] for run in sizes], 0)] for i, tau in enumerate(TAUS)]
    print(f"\nHard questions:\n\n{tabulate(table, head, tablefmt='pipe')}")
    if evolved := [found for paths in runs if (found := banks(paths))]:
        shown = min(len(found) for found in evolved)
        table = [
            ["templates of the bank", *columns([[size for size, _ in found[:shown]] for found in evolved])],
            ["best one's share", *columns([[share for _, share in found[:shown]] for found in evolved], 2)],
        ]
        print(f"\nAfter each epoch:\n\n{tabulate(table, head[: shown + 1], tablefmt='pipe')}")
        everything = [pair for found in evolved for pair in found]
        large, share = sum(size >= 3 for size, _ in everything), spread((share for _, share in everything), 2)
        print(f"\n{large} of {len(everything)} banks have three templates or more; the best one's share: {share}.")
        drawn = [chance for paths in runs for chance in empty_shares(paths)]
        there = [chance for chance in drawn if chance]
        print(f"The empty template is in {len(there)} of {len(drawn)} banks, and drawn there with {spread(there, 2)}.")
    steps = [half_steps(paths, epochs) for paths in runs]
    names = ("evolved, before training", "after training", "bare, after training")
    table = [[name, *columns([[epoch[i] for epoch in run] for run in steps])] for i, name in enumerate(names)]
    print(f"\nMean reward of the fixed questions, %:\n\n{tabulate(table, head, tablefmt='pipe')}")
    if moved := [kl[:epochs] for paths in runs if (kl := distances(paths))]:
        table = [["after training", *columns(moved)]]
        print(f"\nKL to the start, millinats a token:\n\n{tabulate(table, head, tablefmt='pipe')}")
    changes = columns([bounces(paths, epochs) for paths in runs])
    print(f"\nQuestions that changed between hard and not hard, of {sum(bounces(runs[0], epochs))}:\n")
    print(tabulate([["", *changes]], ["", "never", "once", "twice", "more often"], tablefmt="pipe"))


if __name__ == "__main__":
    main()
