"""What the bank covers, and how the next epoch used it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from p2o.commands.report.blocks import Block, Figures, Section, Text, ValueTable
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.runs import Evolution, Run, per_run
from p2o.commands.report.sections.evolution import no_evolution
from p2o.commands.report.texts import shortened
from p2o.evolution.stages.confirmation import without_lucky_hits
from p2o.prompts.set_cover import cover_values, gain, greedy_cover

NOTE = (
    "Dev questions solved: of those that all templates were scored on, not all with evolution.screen_size. Bank: "
    "solved by some template of it. A template solves a dev question of whose completions it gets more than half "
    "right, or with evolution.credit: share any; with evolution.confirm: drop, lucky hits are left out. Adds: what the "
    "greedy set cover gained by taking the template in this order. Drawn: rollouts of the next epoch that carried it, "
    "with the share that was correct."
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
        *(block for evolution in run.searches for block in (*_beyond_the_screen(evolution), _bank(run, evolution))),
    ]


def covered_by(candidate: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, float]:
    """What a candidate was worth to the greedy set cover, by dev question."""
    settings = figures["settings"]
    scores = _on_screen(candidate, figures) | candidate.get("cover_scores", {})
    if settings.get("confirm") == "drop":
        scores = without_lucky_hits(scores, candidate.get("confirmed", {}))
    return cover_values(scores, settings.get("credit", "majority"))


def _on_screen(candidate: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, float]:
    """Scores on the first dev questions, which all templates are asked."""
    return dict(zip(figures["dev_questions"], candidate["dev_scores"], strict=False))


def _share_covered(candidate: Mapping[str, Any], figures: Mapping[str, Any]) -> float:
    """Of the dev questions that all templates are asked."""
    screen = _on_screen(candidate, figures)
    return len(screen.keys() & covered_by(candidate, figures)) / len(screen)


def _pool(evolution: Evolution) -> list[dict[str, Any]]:
    return [candidate for candidate in evolution.candidates if candidate["dev_scores"]]


def _shares(evolution: Evolution) -> dict[str, float | None]:
    figures, pool = evolution.figures, _pool(evolution)
    screen = _on_screen(pool[0], figures).keys()
    return {
        "bank": None if figures.get("failure") else len(figures["solvers"].keys() & screen) / len(screen),
        "best one": max(_share_covered(candidate, figures) for candidate in pool),
        "bare": _share_covered(pool[0], figures),
    }


def _beyond_the_screen(evolution: Evolution) -> list[Block]:
    """What the bank solves of all dev questions, where the figure is of the screen."""
    figures = evolution.figures
    if figures.get("failure") or len(_pool(evolution)[0]["dev_scores"]) == figures["dev"]:
        return []
    solved = f"solves {len(figures['solvers'])} of all {figures['dev']} dev questions."
    return [Text(f"The bank after epoch {evolution.epoch} {solved}")]


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
    values = [covered_by(candidate, evolution.figures) for candidate in bank]
    covered: dict[str, float] = {}
    for index in greedy_cover(values):
        best, adds = bank[index], gain(values[index], covered)
        covered |= {id: value for id, value in values[index].items() if value > covered.get(id, 0.0)}
        count = drawn[best["id"]]
        yield [
            shortened(best["text"], 160) or "(empty)",
            f"{best['weight']:.2f}",
            str(len(values[index])),
            f"{round(adds, 2):g}",
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
