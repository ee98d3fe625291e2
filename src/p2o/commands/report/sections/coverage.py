"""What the bank covers, and how the next epoch used it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from p2o.commands.report.blocks import Block, Figures, Section, Text, ValueTable
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.runs import Evolution, Run, per_run
from p2o.commands.report.sections.evolution import no_evolution
from p2o.commands.report.texts import shortened
from p2o.prompts.set_cover import solves

NOTE = (
    "Bank: solved by some template of it. Adds: what the greedy set cover gained by taking the template in "
    "this order. Drawn: rollouts of the next epoch that carried it, with the share that was correct."
)


def coverage(runs: Sequence[Run]) -> Section:
    """Shows what share of the dev questions the bank solves, and how its templates were used."""
    return Section(
        "coverage",
        "Coverage and assignment",
        "Is one template enough, which does the bank need, and how often were they drawn?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    if not run.searches:
        return [no_evolution(run)]
    shares = [_shares(evolution) for evolution in run.searches]
    lines = [
        Line(name, [share[name] for share in shares], look=look, dashed=look == 1)
        for look, name in enumerate(("bank", "best one", "bare"))
    ]
    epochs = [evolution.epoch for evolution in run.searches]
    return [
        Figures([line_chart("Dev questions solved", epochs, lines, "after epoch", "share of dev questions")]),
        *(_bank(run, evolution) for evolution in run.searches),
    ]


def solved_by(candidate: Mapping[str, Any]) -> set[int | str]:
    """Dev questions that a candidate solves: of the screen by their position, of those beyond it by their id."""
    beyond = candidate.get("cover_scores", {}).items()
    solved = {index for index, score in enumerate(candidate["dev_scores"]) if solves(score)}
    return solved | {id for id, score in beyond if solves(score)}


def _share_solved(candidate: Mapping[str, Any]) -> float:
    """Of the dev questions that all templates are asked."""
    return fmean(solves(score) for score in candidate["dev_scores"])


def _pool(evolution: Evolution) -> list[dict[str, Any]]:
    return [candidate for candidate in evolution.candidates if candidate["dev_scores"]]


def _shares(evolution: Evolution) -> dict[str, float | None]:
    size, pool = evolution.figures["dev"], _pool(evolution)
    return {
        "bank": None if evolution.figures.get("failure") else len(evolution.figures["solvers"]) / size,
        "best one": max(map(_share_solved, pool)),
        "bare": _share_solved(pool[0]),
    }


def _bank(run: Run, evolution: Evolution) -> Block:
    if evolution.figures.get("failure"):
        return Text(
            f"Reflection failed after epoch {evolution.epoch}, so that none of its templates came into the bank, "
            f"which stayed as it was before ({evolution.figures['bank']} templates)."
        )
    if not evolution.figures["solvers"]:
        return Text(
            f"The bank after epoch {evolution.epoch} is empty, since no dev question was solved: "
            f"epoch {evolution.epoch + 1} was bare."
        )
    return ValueTable(
        f"Bank after epoch {evolution.epoch}, and epoch {evolution.epoch + 1}",
        ["template", "weight", "solves", "adds", "drawn", "correct"],
        list(_bank_rows(run, evolution)),
    )


def _bank_rows(run: Run, evolution: Evolution) -> Iterator[list[str]]:
    bank = [candidate for candidate in _pool(evolution) if candidate["weight"] is not None]
    drawn, right = _use(run, evolution.epoch + 1)
    left = set().union(*map(solved_by, bank))
    while left:
        best = max(bank, key=lambda candidate: len(solved_by(candidate) & left))
        adds, left = len(solved_by(best) & left), left - solved_by(best)
        count = drawn[best["id"]]
        yield [
            shortened(best["text"], 160) or "(empty)",
            f"{best['weight']:.2f}",
            str(len(solved_by(best))),
            str(adds),
            f"{count}" if count else "–",
            f"{right[best['id']] / count:.0%}" if count else "–",
        ]


def _use(run: Run, epoch: int) -> tuple[Counter[str], Counter[str]]:
    """Templated rollouts of an epoch by template, and how many of them were correct."""
    pairs = [
        (template, outcome)
        for record in run.questions.get(epoch, [])
        for template, outcome in zip(record.templates, record.outcomes, strict=True)
        if template
    ]
    return Counter(t for t, _ in pairs), Counter(t for t, outcome in pairs if outcome == "correct")
