"""Small tasks for a language model that runs on a desk, made up on the spot: no download, and no data set to leak."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from p2o.errors import InputError
from p2o.questions.base import QuestionSource
from p2o.seeds import derive_seed
from p2o.types import Question
from p2o.worlds.chains import Split

Task = Literal["sums", "long_sums", "letters", "backwards", "sorting", "stories"]

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Kate", "Leo")
THINGS = ("apples", "books", "coins", "eggs", "keys", "marbles", "pens", "shells", "stamps", "stones")
WORDS = (
    "banana", "balloon", "bottle", "butterfly", "button", "carrot", "cheese", "coffee", "cotton", "dinner", "feather",
    "garden", "hammer", "kitten", "ladder", "letter", "mirror", "needle", "paper", "pepper", "pillow", "rabbit",
    "river", "saddle", "summer", "table", "tomato", "tunnel", "window", "winter", "yellow", "zipper",
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A question's text and its answer."""

    text: str
    answer: str


def sums(rng: random.Random) -> Drawn:
    """A sum of two numbers in a sentence."""
    a, b = rng.randint(2, 29), rng.randint(2, 29)
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    return Drawn(f"{name} has {a} {thing} and gets {b} more. How many {thing} does {name} have now?", str(a + b))


def long_sums(rng: random.Random) -> Drawn:
    """A sum of four numbers."""
    numbers = [rng.randint(3, 40) for _ in range(4)]
    return Drawn(f"What is {' + '.join(map(str, numbers))}?", str(sum(numbers)))


def letters(rng: random.Random) -> Drawn:
    """How often a letter stands in two words."""
    words = " ".join(rng.sample(WORDS, 2))
    letter = rng.choice(sorted(set(words) - {" "}))
    return Drawn(f'How many times is the letter "{letter}" in "{words}"?', str(words.count(letter)))


def backwards(rng: random.Random) -> Drawn:
    """A word spelt from its end; four letters of it, so that there are many."""
    word = "".join(rng.sample(rng.choice(WORDS), 4))
    return Drawn(f'Spell "{word}" backwards.', word[::-1])


def sorting(rng: random.Random) -> Drawn:
    """Four numbers that are to be put in order."""
    numbers = rng.sample(range(1, 100), 4)
    listed, ordered = (", ".join(map(str, some)) for some in (numbers, sorted(numbers)))
    return Drawn(f"Sort these numbers from smallest to largest: {listed}.", ordered)


def stories(rng: random.Random) -> Drawn:
    """Two steps in a story."""
    boxes, each, lost = rng.randint(2, 9), rng.randint(2, 9), rng.randint(1, 3)
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    text = (
        f"{name} buys {boxes} boxes with {each} {thing} in each box, and loses {lost} of them. "
        f"How many {thing} are left?"
    )
    return Drawn(text, str(boxes * each - lost))


DRAW: dict[str, Callable[[random.Random], Drawn]] = {
    "sums": sums,
    "long_sums": long_sums,
    "letters": letters,
    "backwards": backwards,
    "sorting": sorting,
    "stories": stories,
}


class DeskQuestions(QuestionSource):
    """Questions of a few small tasks, the same for the same arguments, without repetition; `difficulty` is the task.

    Train and validation questions are disjoint whatever the seeds: the text of a question decides its side.

    Args:
        split: Which side to draw from.
        tasks: Which tasks, each with as many questions.
        count: Questions of each task.
        seed: Draws other questions of the same side.
    """

    def __init__(self, split: Split, tasks: list[Task], count: int, seed: int = 0) -> None:
        if not tasks or count < 1:
            raise InputError(f"DeskQuestions needs at least one task and count >= 1, got {tasks} and {count}.")
        if unknown := [task for task in tasks if task not in get_args(Task)]:
            raise InputError(f"DeskQuestions.tasks: expected some of {', '.join(get_args(Task))}, got {unknown[0]!r}.")
        self.split = split
        self.tasks = tasks
        self.count = count
        self.seed = seed

    def load(self) -> list[Question]:
        """Draws the questions, one task after the other."""
        return [question for task in dict.fromkeys(self.tasks) for question in self._questions(task)]

    def _questions(self, task: str) -> list[Question]:
        rng = random.Random(derive_seed(self.seed, "desk", self.split, task))
        drawn: dict[str, str] = {}  # text -> answer
        in_vain = 0  # draws since the last new question
        while len(drawn) < self.count:
            in_vain += 1
            if in_vain > 10_000:
                raise InputError(
                    f"DeskQuestions: task {task!r} has about {len(drawn)} {self.split} questions, got count "
                    f"{self.count}: lower it."
                )
            made = DRAW[task](rng)
            if side(made.text) == self.split and made.text not in drawn:
                drawn[made.text] = made.answer
                in_vain = 0
        name = f"{self.split}-{task}-{self.seed}"
        return [
            Question(f"{name}-{n}", text, answer, difficulty=task, origin=f"p2o.worlds.desk ({name} {n})")
            for n, (text, answer) in enumerate(drawn.items())
        ]


def side(text: str) -> Split:
    """One text in three is a validation question."""
    return "validation" if hashlib.blake2b(text.encode(), digest_size=8).digest()[0] % 3 == 0 else "train"
