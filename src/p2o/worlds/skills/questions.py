"""Questions of the families, as a run loads them."""

import random
from collections.abc import Sequence

from p2o.errors import InputError
from p2o.questions.base import QuestionSource
from p2o.seeds import derive_seed
from p2o.types import Question
from p2o.worlds.skills.base import LONGEST, SHORTEST, Split, Task
from p2o.worlds.skills.families import FAMILIES

TRIES = 2000
"""Draws without a new question after which a family counts as exhausted."""


class SkillQuestions(QuestionSource):
    """Made-up questions of several families, the same for the same arguments, without repetition.

    Train and validation questions are disjoint whatever the seeds, and the bundled policy has seen train questions
    only. Lengths take turns, so that every family has as many of each. A question's difficulty is its family.

    Args:
        split: Which side to draw from.
        count: Number of questions of each family.
        families: Names of the families, all seven if left out.
        counts: Other numbers for some of the families.
        shortest: Least length of a question.
        longest: Greatest length; the policy was trained on lengths up to nine.
        seed: Draws other questions of the same side.
    """

    def __init__(
        self,
        split: Split,
        count: int,
        families: Sequence[str] | None = None,
        counts: dict[str, int] | None = None,
        shortest: int = 4,
        longest: int = 9,
        seed: int = 0,
    ) -> None:
        families = list(FAMILIES) if families is None else list(families)
        counts = counts or {}
        if strangers := [name for name in (*families, *counts) if name not in FAMILIES]:
            raise InputError(
                f"SkillQuestions: expected families out of {', '.join(FAMILIES)}, got {', '.join(strangers)}."
            )
        if strangers := [name for name in counts if name not in families]:
            raise InputError(f"SkillQuestions: counts names {', '.join(strangers)}, which families leaves out.")
        if len(set(families)) < len(families):
            raise InputError(f"SkillQuestions: expected each family once, got {', '.join(families)}.")
        if not SHORTEST <= shortest <= longest <= LONGEST:
            raise InputError(
                f"SkillQuestions: expected {SHORTEST} <= shortest <= longest <= {LONGEST}, got {shortest=}, {longest=}."
            )
        self.counts = {name: counts.get(name, count) for name in families}
        if min(self.counts.values(), default=0) < 0 or not any(self.counts.values()):
            raise InputError(
                f"SkillQuestions needs at least one question and no negative count, got {count=}, {counts=}."
            )
        self.split = split
        self.shortest = shortest
        self.longest = longest
        self.seed = seed

    def load(self) -> list[Question]:
        """The questions of one family after another."""
        return [question for name, count in self.counts.items() for question in self._questions(name, count)]

    def _questions(self, name: str, count: int) -> list[Question]:
        side = f"{self.split}-{name}"
        return [
            Question(
                id=f"{side}-{task.length}-{self.seed}-{number}",
                text=task.text,
                answer=task.answer,
                difficulty=name,
                origin=f"p2o.worlds.skills (seed {self.seed}, {side} {number})",
            )
            for number, task in enumerate(self._tasks(name, count))
        ]

    def _tasks(self, name: str, count: int) -> list[Task]:
        rng = random.Random(derive_seed(self.seed, "skills", self.split, name))
        tasks: dict[str, Task] = {}
        for number in range(count):
            length = self.shortest + number % (self.longest - self.shortest + 1)
            for _ in range(TRIES):
                task = FAMILIES[name].draw(rng, length)
                if task.split == self.split and task.text not in tasks:
                    break
            else:
                raise InputError(
                    f"SkillQuestions has no more than {len(tasks)} {self.split} questions of the family {name} with "
                    f"lengths from {self.shortest} to {self.longest}, got {count}: lower it, or allow longer ones."
                )
            tasks[task.text] = task
        return list(tasks.values())
