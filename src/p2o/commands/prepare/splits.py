"""Splits: one shuffled order, test questions first, then training sets that are nested in one another."""

import random
from collections.abc import Sequence

from p2o.errors import InputError
from p2o.types import Question


def split(questions: Sequence[Question], test: int, sizes: Sequence[int], seed: int) -> dict[str, list[Question]]:
    """Named parts: `test` if it has any, `train` with all others, and `train_N`, its first N, for each size.

    Sizes for which there are not enough questions are left out.

    Raises:
        InputError: No question is left to train on.
    """
    if len(questions) <= test:
        raise InputError(
            f"--test {test}: expected fewer test questions than there are, {len(questions)} are left after cleaning."
        )
    order = list(questions)
    random.Random(seed).shuffle(order)
    train = order[test:]
    nested = {f"train_{size}": train[:size] for size in sizes if size <= len(train)}
    return ({"test": order[:test]} if test else {}) | {"train": train} | nested
