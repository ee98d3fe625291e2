"""Chains of operations modulo 100: easy in one go when short, out of reach in one go when long."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from p2o.errors import InputError
from p2o.questions.base import QuestionSource
from p2o.seeds import derive_seed
from p2o.types import Question

Split = Literal["train", "validation"]

MODULUS = 100
LABELS = "abcdefgh"
EASY_LENGTHS = (1, 2)
HARD_LENGTHS = (6, 7, 8)
# The validation side has some 8,000 short chains; drawing without repetition slows down near that.
MOST_EASY = 5_000

# A factor is coprime to 100, so a result is as likely to be any residue: a guess is right once in a hundred.
OPERATIONS: dict[str, tuple[tuple[int, ...], Callable[[int, int], int]]] = {
    "Add": (tuple(range(1, 10)), lambda state, number: state + number),
    "Subtract": (tuple(range(1, 10)), lambda state, number: state - number),
    "Multiply by": ((3, 7), lambda state, number: state * number),
}
FACTOR = "Multiply by"


@dataclass(frozen=True)
class Chain:
    """A start and the operations that follow it, each a name in `OPERATIONS` and its number."""

    start: int
    steps: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The question."""
        steps = " ".join(f"({LABELS[i]}) {name} {number}." for i, (name, number) in enumerate(self.steps))
        return f"Work modulo {MODULUS}. Start with {self.start}. {steps} What is the result?"

    @property
    def states(self) -> tuple[int, ...]:
        """The result after each operation."""
        states = [self.start]
        for name, number in self.steps:
            states.append(OPERATIONS[name][1](states[-1], number) % MODULUS)
        return tuple(states[1:])

    @property
    def answer(self) -> str:
        """The last result, unpadded."""
        return str(self.states[-1])

    @property
    def split(self) -> Split:
        """The side of the chain, which depends on its text alone: one in five is a validation chain."""
        return "validation" if hashlib.blake2b(self.text.encode(), digest_size=8).digest()[0] % 5 == 0 else "train"


def draw_chain(rng: random.Random, length: int) -> Chain:
    """A random chain.

    Three or more operations include a factor among the last three, six or more another one: without them the result
    would stay near the start, and an estimate would be right more often than a guess.
    """
    while True:
        names = rng.choices(list(OPERATIONS), k=length)
        if (length < 3 or FACTOR in names[-3:]) and (length < 6 or names.count(FACTOR) >= 2):
            break
    return Chain(rng.randrange(MODULUS), tuple((name, rng.choice(OPERATIONS[name][0])) for name in names))


class ChainQuestions(QuestionSource):
    """Made-up questions, the same for the same arguments, without repetition.

    Train and validation questions are disjoint whatever the seeds, and the bundled policy has seen train chains only.

    Args:
        split: Which side to draw from.
        easy: Number of questions with one or two operations.
        hard: Number of questions with six to eight operations.
        seed: Draws other questions of the same side.
    """

    def __init__(self, split: Split, easy: int, hard: int, seed: int = 0) -> None:
        if easy < 0 or hard < 0 or easy + hard == 0:
            raise InputError(f"ChainQuestions needs at least one question and no negative count, got {easy=}, {hard=}.")
        if easy > MOST_EASY:
            raise InputError(
                f"ChainQuestions has at most {MOST_EASY} easy questions, got {easy=}: short chains repeat."
            )
        self.split = split
        self.easy = easy
        self.hard = hard
        self.seed = seed

    def load(self) -> list[Question]:
        """Easy questions first, then hard ones."""
        return self._draw("easy", EASY_LENGTHS, self.easy) + self._draw("hard", HARD_LENGTHS, self.hard)

    def _draw(self, difficulty: str, lengths: tuple[int, ...], count: int) -> list[Question]:
        rng = random.Random(derive_seed(self.seed, "chains", self.split, difficulty))
        chains: dict[Chain, None] = {}  # a set that keeps its order
        while len(chains) < count:
            chain = draw_chain(rng, rng.choice(lengths))
            if chain.split == self.split:
                chains[chain] = None
        name = f"{self.split}-{difficulty}"
        return [
            Question(
                id=f"{name}-{self.seed}-{number}",
                text=chain.text,
                answer=chain.answer,
                difficulty=difficulty,
                origin=f"p2o.quickstart.chains (seed {self.seed}, {name} {number})",
            )
            for number, chain in enumerate(chains)
        ]
