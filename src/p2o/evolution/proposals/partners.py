"""Which template of the pool a parent is crossed with, and on what evidence."""

import random
from collections.abc import Sequence

from p2o.evolution.history import Candidate
from p2o.evolution.selectors import front
from p2o.prompts.set_cover import solves
from p2o.reflectors.base import Partner

SHOWN = 3  # questions of each parent: as many as a mini-batch has examples


def find_partner(
    pool: Sequence[Candidate], parent: int, questions: Sequence[str], rng: random.Random
) -> Partner | None:
    """A template of the front that solves what the parent does not, and does not solve what the parent does.

    A dev question counts as solved if more than half of its completions are correct, as in the cover. Templates are
    drawn by the number of questions that they solve beyond the parent.

    Args:
        pool: Templates with their dev scores.
        parent: The first parent's index in the pool.
        questions: The dev questions that all of the pool is scored on, as the policy is asked them, in order.
        rng: Draws the partner, and the questions that are shown of many.

    Returns:
        The partner with up to three questions of each kind, or None if no template complements the parent.
    """
    own = _solved(pool[parent])
    beyond = {index: _solved(pool[index]) - own for index in front([candidate.dev_scores for candidate in pool])}
    fitting = {index: more for index, more in beyond.items() if more and own - _solved(pool[index])}
    if not fitting:
        return None
    [chosen] = rng.choices(list(fitting), [len(more) for more in fitting.values()])
    theirs, ours = fitting[chosen], own - _solved(pool[chosen])
    shown = [[questions[index] for index in sorted(_some(found, rng))] for found in (theirs, ours)]
    return Partner(pool[chosen].text, *map(tuple, shown))


def _solved(candidate: Candidate) -> set[int]:
    return {index for index, score in enumerate(candidate.dev_scores) if solves(score)}


def _some(found: set[int], rng: random.Random) -> list[int]:
    return rng.sample(sorted(found), min(SHOWN, len(found)))
