"""From a scored pool of templates to a bank, by greedy set cover."""

from collections.abc import Sequence
from statistics import fmean

from p2o.prompts.templates import Template, TemplateBank


def solves(score: float) -> bool:
    """Whether a template solves a dev question: more than half of its completions are correct (of one: r = 1)."""
    return score > 0.5


def cover(templates: Sequence[str], dev_ids: Sequence[str], scores: Sequence[Sequence[float]]) -> TemplateBank:
    """The bank of a greedy set cover: again and again the template that solves most dev questions not solved yet.

    Ties go to the lowest index; it ends when no template adds a question. A template's weight is its mean dev score.

    Args:
        templates: The pool.
        dev_ids: Ids of the dev questions, all different.
        scores: Shares of correct completions, 0-1, [pool, dev].

    Returns:
        An empty bank if nothing is solved.
    """
    solved = [{id for id, score in zip(dev_ids, row, strict=True) if solves(score)} for row in scores]
    chosen = greedy_cover(solved)
    solvers = {id: tuple(k for k, index in enumerate(chosen) if id in solved[index]) for id in dev_ids}
    return TemplateBank(
        templates=tuple(Template(templates[index], fmean(scores[index])) for index in chosen),
        solvers={id: indices for id, indices in solvers.items() if indices},
    )


def greedy_cover(sets: Sequence[set[str]]) -> list[int]:
    """Indices of sets that together hold what all sets hold, each the one with most new members, in that order."""
    left = set().union(*sets)
    chosen: list[int] = []
    while left:
        best = max(range(len(sets)), key=lambda index: len(sets[index] & left))
        chosen.append(best)
        left -= sets[best]
    return chosen
