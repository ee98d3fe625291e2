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
HARD_LENGTHS = (6, 7, 8)

# A factor is coprime to 100, so a result is as likely to be any residue: a guess is right once in a hundred.
OPERATIONS: dict[str, tuple[tuple[int, ...], Callable[[int, int], int]]] = {
    "Add": ((3, 8), lambda state, number: state + number),
    "Subtract": ((4, 9), lambda state, number: state - number),
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
        """The chain as a question, with a line for each operation."""
        lines = [f"({LABELS[i]}) {name} {number}." for i, (name, number) in enumerate(self.steps)]
        return "\n".join([f"Work modulo {MODULUS}. Start with {self.start}.", *lines, "What is the result?"])

    @property
    def states(self) -> tuple[int, ...]:
        """The result modulo 100 after each operation."""
        states = [self.start]
        for name, number in self.steps:
            states.append(OPERATIONS[name][1](states[-1], number) % MODULUS)
        return tuple(states[1:])

    @property
    def answer(self) -> str:
        """The last result in decimal digits, without leading zeros."""
        return str(self.states[-1])

    @property
    def split(self) -> Split:
        """The side of the chain, which depends on its text alone: one in five is a validation chain."""
        return "validation" if hashlib.blake2b(self.text.encode(), digest_size=8).digest()[0] % 5 == 0 else "train"


def draw_chain(rng: random.Random, length: int) -> Chain:
    """Draws a random chain of `length` operations.

    Three or more operations include a factor among the last three, six or more another one: without them the result
    would stay near the start, and an estimate would be right more often than a guess.
    """
    while True:
        names = rng.choices(list(OPERATIONS), k=length)
        if (length < 3 or FACTOR in names[-3:]) and (length < 6 or names.count(FACTOR) >= 2):
            break
    return Chain(rng.randrange(MODULUS), tuple((name, rng.choice(OPERATIONS[name][0])) for name in names))


def short_chains(split: Split) -> list[Chain]:
    """Every chain of one operation on a side: 600 in all."""
    steps = [(name, number) for name, (numbers, _) in OPERATIONS.items() for number in numbers]
    chains = [Chain(start, (step,)) for start in range(MODULUS) for step in steps]
    return [chain for chain in chains if chain.split == split]


class ChainQuestions(QuestionSource):
    """Made-up questions, the same for the same arguments, without repetition.

    Train and validation questions are disjoint whatever the seeds, and the bundled policy has seen train chains only.

    Args:
        split: Which side to draw from.
        easy: Number of questions with one operation.
        hard: Number of questions with six to eight operations.
        seed: Draws other questions of the same side.
    """

    def __init__(self, split: Split, easy: int, hard: int, seed: int = 0) -> None:
        if easy < 0 or hard < 0 or easy + hard == 0:
            raise InputError(f"ChainQuestions needs at least one question and no negative count, got {easy=}, {hard=}.")
        if easy > (most := len(short_chains(split))):
            raise InputError(f"ChainQuestions has {most} easy {split} questions, got {easy=}: lower it.")
        self.split = split
        self.easy = easy
        self.hard = hard
        self.seed = seed

    def load(self) -> list[Question]:
        """Draws the questions: the easy ones first, then the hard ones."""
        easy = short_chains(self.split)
        self._rng("easy").shuffle(easy)
        return self._questions("easy", easy[: self.easy]) + self._questions("hard", self._hard_chains())

    def _hard_chains(self) -> list[Chain]:
        rng = self._rng("hard")
        chains: dict[Chain, None] = {}  # a set that keeps its order
        while len(chains) < self.hard:
            chain = draw_chain(rng, rng.choice(HARD_LENGTHS))
            if chain.split == self.split:
                chains[chain] = None
        return list(chains)

    def _rng(self, difficulty: str) -> random.Random:
        return random.Random(derive_seed(self.seed, "chains", self.split, difficulty))

    def _questions(self, difficulty: str, chains: list[Chain]) -> list[Question]:
        name = f"{self.split}-{difficulty}"
        return [
            Question(
                id=f"{name}-{self.seed}-{number}",
                text=chain.text,
                answer=chain.answer,
                difficulty=difficulty,
                origin=f"p2o.worlds.chains (seed {self.seed}, {name} {number})",
            )
            for number, chain in enumerate(chains)
        ]
