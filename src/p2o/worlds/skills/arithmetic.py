"""Numbers modulo 100: chains of operations, and digits in base three."""

import random
import re
from collections.abc import Callable, Sequence

from p2o.worlds.skills.base import Family, Task

MODULUS = 100
LABELS = "abcdefghijkl"

# A factor is coprime to 100, so a result is as likely to be any residue: a guess is right once in a hundred.
OPERATIONS: dict[str, tuple[tuple[int, ...], Callable[[int, int], int]]] = {
    "Add": ((3, 8), lambda state, number: state + number),
    "Subtract": ((4, 9), lambda state, number: state - number),
    "Multiply by": ((3, 7), lambda state, number: state * number),
}
FACTOR = "Multiply by"


class Chain(Family):
    """Additions, subtractions and multiplications in a row; the procedure keeps the running value."""

    name = "chain"
    opening = ("Running ", "value ", "since ", "start:\n")

    def draw(self, rng: random.Random, length: int) -> Task:
        """From three operations on there is a factor among the last three: the result is not near the start."""
        names = rng.choices(list(OPERATIONS), k=length)
        if length >= 3 and FACTOR not in names[-3:]:
            names[length - rng.randint(1, 3)] = FACTOR
        start = rng.randrange(MODULUS)
        return self._task(start, [(name, rng.choice(OPERATIONS[name][0])) for name in names])

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        head = re.match(r"Start with (\d+), modulo 100\.(?=\n)", text)
        operations = [(name, int(number)) for name, number in re.findall(r"\n\([a-l]\) ([A-Z][a-z ]+) (\d+)\.", text)]
        if head is None or not operations or any(name not in OPERATIONS for name, _ in operations):
            return None
        task = self._task(int(head[1]), operations)
        return task if task.text == text else None

    def _task(self, start: int, operations: Sequence[tuple[str, int]]) -> Task:
        state, lines, steps = start, [f"Start with {start}, modulo 100."], []
        for label, (name, number) in zip(LABELS, operations, strict=False):
            state = OPERATIONS[name][1](state, number) % MODULUS
            lines.append(f"({label}) {name} {number}.")
            steps.append(f"({label}) {name} {number}: {state}\n")
        return Task(self.name, len(steps), "\n".join(lines), str(state), tuple(steps))


class Base(Family):
    """Digits in base three, read on from a number modulo 100; the procedure keeps the value so far."""

    name = "base"
    opening = ("Digit ", "upon digit:\n")

    def draw(self, rng: random.Random, length: int) -> Task:
        """From any number on: numerals alone would be few, and their first values small."""
        return self._task(rng.randrange(MODULUS), rng.choices((0, 1, 2), k=length))

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        found = re.fullmatch(r"From (\d+) read on ([012](?: [012])*) in base 3, modulo 100\.", text)
        return self._task(int(found[1]), [int(digit) for digit in found[2].split()]) if found else None

    def _task(self, start: int, digits: Sequence[int]) -> Task:
        state, steps = start, []
        for digit in digits:
            state = (3 * state + digit) % MODULUS
            steps.append(f"{digit}:{state};")
        text = f"From {start} read on {' '.join(map(str, digits))} in base 3, modulo 100."
        return Task(self.name, len(digits), text, str(state), tuple(steps))
