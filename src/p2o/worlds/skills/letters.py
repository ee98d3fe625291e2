"""Words of capital letters: shifted, sorted, swapped about, spelt backwards."""

import random
import re
from collections.abc import Sequence

from p2o.worlds.skills.base import Family, Task

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DISTANCES = (2, 3, 5, 7)
PLACES = 4
SWAPS = ("12", "13", "14", "23", "24", "34")


class Shift(Family):
    """A Caesar cipher; the procedure writes each letter beside the one that it becomes."""

    name = "shift"
    opening = ("Letter ", "by letter:\n")

    def draw(self, rng: random.Random, length: int) -> Task:
        """Any letters, a few distances."""
        return self._task("".join(rng.choices(ALPHABET, k=length)), rng.choice(DISTANCES))

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        found = re.fullmatch(r"Shift ([A-Z]+) by (\d+)\.", text)
        return self._task(found[1], int(found[2])) if found else None

    def _task(self, word: str, distance: int) -> Task:
        shifted = "".join(ALPHABET[(ALPHABET.index(letter) + distance) % 26] for letter in word)
        steps = tuple(f"{old}{new};" for old, new in zip(word, shifted, strict=True))
        return Task(self.name, len(word), f"Shift {word} by {distance}.", shifted, steps)


class Sort(Family):
    """Different letters into the order of the alphabet; the procedure inserts one letter after the other."""

    name = "sort"
    opening = ("Insert ", "each:\n")

    def draw(self, rng: random.Random, length: int) -> Task:
        """Letters that are out of order, if there is more than one."""
        letters = rng.sample(ALPHABET, length)
        if length > 1 and letters == sorted(letters):
            letters.reverse()
        return self._task("".join(letters))

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        found = re.fullmatch(r"Sort ([A-Z]+)\.", text)
        return self._task(found[1]) if found else None

    def _task(self, word: str) -> Task:
        steps = tuple("".join(sorted(word[: count + 1])) + ";" for count in range(len(word)))
        return Task(self.name, len(word), f"Sort {word}.", "".join(sorted(word)), steps)


class Swap(Family):
    """Four letters in a row and pairs of places that change over; the procedure writes the row after each swap."""

    name = "swap"
    opening = ("Swap ", "in turn:\n")

    def draw(self, rng: random.Random, length: int) -> Task:
        """No pair of places twice in a row, which would undo itself."""
        swaps = [rng.choice(SWAPS)]
        while len(swaps) < length:
            swaps.append(rng.choice([swap for swap in SWAPS if swap != swaps[-1]]))
        return self._task("".join(rng.sample(ALPHABET, PLACES)), swaps)

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        found = re.fullmatch(r"In ([A-Z]{4}) change ([1-4]{2}(?:, [1-4]{2})*)\.", text)
        swaps = found[2].split(", ") if found else []
        return self._task(found[1], swaps) if found and set(swaps) <= set(SWAPS) else None

    def _task(self, word: str, swaps: Sequence[str]) -> Task:
        row, steps = list(word), []
        for swap in swaps:
            first, second = (int(place) - 1 for place in swap)
            row[first], row[second] = row[second], row[first]
            steps.append(f"{swap}:{''.join(row)};")
        return Task(self.name, len(swaps), f"In {word} change {', '.join(swaps)}.", "".join(row), tuple(steps))


class Reverse(Family):
    """A word to be spelt backwards, for which the policy has no procedure: it can or it cannot."""

    name = "reverse"

    def draw(self, rng: random.Random, length: int) -> Task:
        """Draws a word of this length from all letters."""
        return self._task("".join(rng.choices(ALPHABET, k=length)))

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        found = re.fullmatch(r"Spell ([A-Z]+) backwards\.", text)
        return self._task(found[1]) if found else None

    def _task(self, word: str) -> Task:
        return Task(self.name, len(word), f"Spell {word} backwards.", word[::-1])
