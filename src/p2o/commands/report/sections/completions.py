"""Completions of the same questions side by side: bare and templated, before and after."""

from collections.abc import Iterator, Sequence
from typing import Any

from p2o.commands.report.blocks import Block, Cell, CompletionGrid, Missing, Section
from p2o.commands.report.runs import Run, per_run
from p2o.commands.report.texts import shortened
from p2o.run_folder.log_columns import ROLLOUT_LOG
from p2o.run_folder.paths import Part

PARTS: tuple[Part, ...] = ("validation", "train")
SHOWN = 4  # questions of a run
LENGTH = 1600  # characters of a completion or a question

Answers = dict[tuple[int, str], dict[str, Any]]  # epoch and context -> the first such completion of a question

NOTE = (
    "Chosen from those that were kept: first the questions whose bare answer turned right where the template "
    "had been needed, then others that turned right. All kept completions are in rollouts/."
)


def completions(runs: Sequence[Run]) -> Section:
    """Shows a few questions of each run with what the policy wrote, before and after."""
    return Section(
        "completions",
        "Completions",
        "What does the policy write, bare and templated, before and after?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    found = [(kind, id, answers) for kind in PARTS for id, answers in _answers(run, kind).items()]
    if not found:
        return [Missing("No rollouts/: --rollout_log.train and --rollout_log.validation say how many are kept.")]
    shown = sorted(found, key=lambda example: _rank(example[2]))[:SHOWN]  # stable: validation first
    return [
        *(_example(kind, id, answers) for kind, id, answers in shown),
    ]


def _answers(run: Run, kind: Part) -> dict[str, Answers]:
    """The kept completions by question; of K training completions in one context the first."""
    found: dict[str, Answers] = {}
    for epoch in range(run.epochs):
        path = run.paths.rollouts(kind, epoch)
        for row in ROLLOUT_LOG.read(path) if path.is_file() else ():
            found.setdefault(row["id"], {}).setdefault((row["epoch"], row["context"]), row)
    return found


def _before_and_after(answers: Answers) -> list[int]:
    """The first epoch and the last; those that have both contexts, if there are any."""
    both = sorted({epoch for epoch, _ in answers if {(epoch, "bare"), (epoch, "templated")} <= answers.keys()})
    epochs = both or sorted({epoch for epoch, _ in answers})
    return sorted({epochs[0], epochs[-1]})


def _rank(answers: Answers) -> tuple[int, int]:
    """Orders the questions: those with a lower rank are shown first."""
    before, after = (_before_and_after(answers) * 2)[0], _before_and_after(answers)[-1]

    def right(epoch: int, context: str) -> int:
        return int(answers.get((epoch, context), {}).get("outcome") == "correct")

    return right(before, "bare") - right(after, "bare"), right(before, "bare") - right(before, "templated")


def _example(kind: Part, id: str, answers: Answers) -> CompletionGrid:
    any_row = next(iter(answers.values()))
    return CompletionGrid(
        title=f"{kind} question {id}",
        question=shortened(any_row["question"], LENGTH),
        answer=any_row["answer"],
        rows=[list(_cells(answers, epoch)) for epoch in _before_and_after(answers)],
    )


def _cells(answers: Answers, epoch: int) -> Iterator[Cell]:
    for context in ("bare", "templated"):
        if row := answers.get((epoch, context)):
            title = f"epoch {epoch}, {context}"
            yield Cell(title, row["outcome"], shortened(row["completion"], LENGTH), shortened(row["template"], LENGTH))
