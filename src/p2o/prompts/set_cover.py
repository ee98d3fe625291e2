"""From a scored pool of templates to a bank, by greedy set cover."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

from p2o.prompts.templates import Template, TemplateBank

Credit = Literal["majority", "share"]


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
    rows = [dict(zip(dev_ids, row, strict=True)) for row in scores]
    return cover_known(templates, [fmean(row) for row in scores], dev_ids, rows)


def cover_known(
    templates: Sequence[str],
    weights: Sequence[float],
    dev_ids: Sequence[str],
    scores: Sequence[Mapping[str, float]],
    credit: Credit = "majority",
) -> TemplateBank:
    """The bank of a greedy set cover where not every template was asked every dev question.

    Args:
        templates: The pool.
        weights: Of the templates: their mean score on dev questions that all of them were asked.
        dev_ids: Ids of the dev questions, all different; the order of `solvers`.
        scores: For each template, the shares of correct completions, 0-1, by dev question. One that it was not asked
            it does not solve.
        credit: What a template gains by a dev question: 1 if it solves it (`majority`, the paper's rule with one
            completion), or the share of its completions that are correct, as far as it is above the best share of those
            chosen before (`share`): where gains are weak, half of the completions is more than any template reaches.

    Returns:
        An empty bank if nothing is solved.
    """
    values = [cover_values(row, credit) for row in scores]
    chosen = greedy_cover(values)
    solvers = {id: tuple(k for k, index in enumerate(chosen) if id in values[index]) for id in dev_ids}
    return TemplateBank(
        templates=tuple(Template(templates[index], weights[index]) for index in chosen),
        solvers={id: indices for id, indices in solvers.items() if indices},
    )


def greedy_cover(values: Sequence[Mapping[str, float]]) -> list[int]:
    """Indices of rows that together reach the highest value of every key, in the order of what each of them adds.

    The next one is always that which raises the sum over all keys of the highest value so far most, the first of
    equals. With values of 1 alone, it is the one with most new keys.
    """
    best: dict[str, float] = {}
    chosen: list[int] = []
    while True:
        gains = [gain(row, best) for row in values]
        index = max(range(len(values)), key=gains.__getitem__, default=None)
        if index is None or gains[index] <= 0:
            return chosen
        chosen.append(index)
        best |= {key: value for key, value in values[index].items() if value > best.get(key, 0.0)}


def cover_values(scores: Mapping[str, float], credit: Credit) -> dict[str, float]:
    """What a template is worth to the cover by dev question, where that is anything."""
    values = {id: score if credit == "share" else float(solves(score)) for id, score in scores.items()}
    return {id: value for id, value in values.items() if value > 0}


def gain(values: Mapping[str, float], best: Mapping[str, float]) -> float:
    """By how much these values raise the sum over all keys of the highest value so far."""
    return sum(max(0.0, value - best.get(key, 0.0)) for key, value in values.items())
