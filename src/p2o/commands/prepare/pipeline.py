"""The steps from the rows of a data set to its parts, each of which says what it leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from p2o.commands.prepare.balancing import balance
from p2o.commands.prepare.difficulty import leave_out_easy
from p2o.commands.prepare.golds import leave_out_unreadable
from p2o.commands.prepare.left_out import LeftOut, Sifted
from p2o.commands.prepare.recipes import Recipe
from p2o.commands.prepare.repeats import leave_out_duplicates, leave_out_overlap
from p2o.commands.prepare.splits import split
from p2o.errors import InputError
from p2o.rewards.base import Reward
from p2o.types import Question

Step = Callable[[list[Question]], Sifted]


@dataclass(frozen=True)
class Prepared:
    """Data that is ready to be written.

    Args:
        parts: Questions by the name of their part.
        left_out: All that did not get there, in the order of the steps, and what was found and kept.
        counts: Questions that were left after each step.
    """

    parts: dict[str, list[Question]]
    left_out: list[LeftOut]
    counts: dict[str, int]


def prepare(read: Sifted, recipe: Recipe, evaluation: Sequence[Question], reward: Reward, seed: int) -> Prepared:
    """Filters, cleans, balances and splits what was read.

    Args:
        read: Questions, and the rows that could not be read as such.
        recipe: Which filters, and how many questions for what.
        evaluation: Questions that must not be trained on; none switches the check off.
        reward: Says which gold answers cannot be matched.
        seed: Of balancing and of the order.

    Raises:
        InputError: No question is left to train on; the message says which step left them out.
    """
    steps: dict[str, Step] = {}
    if recipe.min_difficulty is not None:
        steps["difficulty"] = partial(leave_out_easy, minimum=recipe.min_difficulty)
    steps["duplicates"] = leave_out_duplicates
    if evaluation:
        steps["overlap"] = partial(leave_out_overlap, evaluation=evaluation)
    steps["gold answers"] = partial(leave_out_unreadable, reward=reward)
    if recipe.balanced:
        steps["balancing"] = partial(balance, seed=seed)
    questions, left_out = read
    counts = {"rows": len(questions) + len(left_out), "usable rows": len(questions)}
    for name, step in steps.items():
        remaining, found = step(questions)
        if name in recipe.keep:
            found = [replace(row, rule=f"kept: {row.rule}") for row in found]
        else:
            questions = remaining
        left_out = left_out + found
        counts[name] = len(questions)
    try:
        return Prepared(split(questions, recipe.test, recipe.sizes, seed), left_out, counts)
    except InputError as error:
        raise InputError(f"{error} {_history(counts, left_out)}") from error


def _history(counts: dict[str, int], left_out: Sequence[LeftOut]) -> str:
    """How many questions were left after each step, and of each rule the first row that fell to it."""
    first: dict[str, LeftOut] = {}
    for row in left_out:
        first.setdefault(row.rule, row)
    found = [
        f"{rule}, first row {row.id!r}: {row.detail:.300}"
        for rule, row in first.items()
        if not rule.startswith("kept: ")
    ]
    steps = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
    return f"Questions after each step: {steps}. Left out: {'; '.join(found) or 'none'}."
