"""What a family of questions is, and one question of it with the right steps."""

import hashlib
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation"]

SHORTEST, LONGEST = 1, 12
"""Lengths that can be asked for; the policy was trained on one to nine."""


@dataclass(frozen=True)
class Task:
    """A question, its answer, and each right step of the procedure that finds it (none where there is no procedure)."""

    family: str
    length: int
    text: str
    answer: str
    steps: tuple[str, ...] = ()

    @property
    def split(self) -> Split:
        """The side of the question, which depends on its text alone: one in five is a validation question."""
        return "validation" if hashlib.blake2b(self.text.encode(), digest_size=8).digest()[0] % 5 == 0 else "train"


class Family(ABC):
    """Questions of one kind, graded by their length.

    Attributes:
        name: As configs spell it.
        opening: The words that begin its procedure, cut where a bare completion may go on in another way; empty if
            no procedure helps.
    """

    name: str
    opening: tuple[str, ...] = ()

    @abstractmethod
    def draw(self, rng: random.Random, length: int) -> Task:
        """A random question of a length."""

    @abstractmethod
    def read(self, text: str) -> Task | None:
        """The question that a text spells, None if it is none of this family."""

    def procedure(self, task: Task) -> str:
        """The right procedure written out: the opening, every step, the answer."""
        return f"{''.join(self.opening)}{''.join(task.steps).rstrip()}\n\\boxed{{{task.answer}}}"
