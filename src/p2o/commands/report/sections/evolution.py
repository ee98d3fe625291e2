"""Best dev score by iteration, and the lineage of templates with their texts."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from p2o.commands.report.blocks import Block, Figures, Missing, Node, Section, Tree
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.runs import Evolution, Run, per_run
from p2o.commands.report.texts import filled_up, shortened

REJECTED = 10  # of one parent that are shown
LENGTH = 4000  # characters of a prompt or a reply

NOTE = (
    "Iteration 0 scores the seeds. Dev sets differ from epoch to epoch, as the hard set does: compare within "
    "a line, not between them."
)


def evolution(runs: Sequence[Run]) -> Section:
    """Shows the best dev score by iteration, and the lineage of each evolution's templates."""
    return Section(
        "evolution",
        "Evolution",
        "Does the search find better templates, and which came from which?",
        per_run(runs, _blocks, NOTE),
    )


def no_evolution(run: Run) -> Missing:
    """Says why a run has no evolution to show."""
    if run.setting("evolution", "budget") == 0:
        return Missing("No evolution: evolution.budget is 0, which is plain GRPO.")
    if run.evolutions:
        reasons = [f"after epoch {e.epoch}: {e.figures['stopped']}" for e in run.evolutions]
        return Missing(f"No evolution scored a template, {'; '.join(reasons)}.")
    return Missing(
        "No evolution was logged: a run needs more than one epoch and at least evolution.min_hard_set hard questions; "
        "the files are written to evolution/ unless evolution_log.enabled is false."
    )


def _blocks(run: Run) -> list[Block]:
    if not run.searches:
        return [no_evolution(run)]
    longest = max(len(evolution.figures["best_dev_scores"]) for evolution in run.searches)
    lines = [
        Line(f"after epoch {evolution.epoch}", filled_up(evolution.figures["best_dev_scores"], longest), look=look)
        for look, evolution in enumerate(run.searches)
    ]
    return [
        Figures([line_chart("Best dev score", list(range(longest)), lines, "iteration", "mean score on dev")]),
        *(_tree(evolution) for evolution in run.searches),
    ]


def _tree(evolution: Evolution) -> Tree:
    figures = evolution.figures
    rejected = ", ".join(f"{count} {cause}" for cause, count in figures["rejections"].items()) or "none"
    note = (
        f"{figures['pool']} templates in the pool, {figures['bank']} in the bank. Refused proposals: {rejected}. "
        f"It ended because {figures['stopped']}."
    )
    return Tree(f"Lineage after epoch {evolution.epoch}", note, roots(evolution.candidates, evolution.rejected))


def roots(candidates: Sequence[Mapping[str, Any]], proposals: Sequence[Mapping[str, Any]] = ()) -> list[Node]:
    """The candidates of an evolution as trees, each under the template that it was proposed from."""
    children: dict[str | None, list[Mapping[str, Any]]] = {}
    for candidate in candidates:
        children.setdefault(candidate["parent"], []).append(candidate)
    nothing: dict[str, list[Node]] = {}
    for proposal in proposals:
        nothing.setdefault(proposal["parent"], []).append(_proposal(proposal))
    return [_node(candidate, children, nothing) for candidate in children.get(None, [])]


def _proposal(proposal: Mapping[str, Any]) -> Node:
    """A reply without a template that was worth trying."""
    return Node(
        title=f"no template: {proposal['cause']}",
        marks=[f"iteration {proposal['iteration']}"],
        text="",
        prompt=shortened(proposal["prompt"], LENGTH, " in evolution/"),
        reply=shortened(proposal["reply"], LENGTH, " in evolution/"),
    )


def _node(
    candidate: Mapping[str, Any],
    children: Mapping[str | None, Sequence[Mapping[str, Any]]],
    nothing: Mapping[str, Sequence[Node]],
) -> Node:
    mine = children.get(candidate["id"], [])
    pool = [child for child in mine if child["dev_score"] is not None]
    rejected = [_node(child, {}, {}) for child in mine if child["dev_score"] is None]
    rejected += nothing.get(candidate["id"], [])
    left_out = max(0, len(rejected) - REJECTED)
    return Node(
        title=candidate["text"] or "(the empty template: the bare question)",
        marks=list(_marks(candidate)),
        text=candidate["text"],
        prompt=shortened(candidate["prompt"], LENGTH, " in evolution/"),
        reply=shortened(candidate["reply"], LENGTH, " in evolution/"),
        children=[_node(child, children, nothing) for child in pool],
        rejected=rejected[:REJECTED],
        note=f"{left_out} more in evolution/" if left_out else "",
    )


def _marks(candidate: Mapping[str, Any]) -> list[str]:
    marks = [f"iteration {candidate['iteration']}", candidate["status"]]
    if candidate["dev_score"] is not None:
        marks.append(f"dev {candidate['dev_score']:.1%}")
    if candidate["before"]:
        marks.append(f"mini-batch {fmean(candidate['before']):.2f} → {fmean(candidate['after']):.2f}")
    if candidate["weight"] is not None:
        marks.append(f"in the bank, weight {candidate['weight']:.2f}")
    return marks
