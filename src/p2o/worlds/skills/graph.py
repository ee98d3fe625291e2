"""A walk along one-way roads."""

import random
import re
from collections.abc import Sequence
from itertools import pairwise

from p2o.worlds.skills.base import Family, Task
from p2o.worlds.skills.letters import ALPHABET

STRAYS = 3
"""Roads that belong to no walk from the start."""


class Graph(Family):
    """From a place as many hops as the length says, with one road out of each; the procedure names every hop."""

    name = "graph"
    opening = ("Hop ", "along:\n")

    def draw(self, rng: random.Random, length: int) -> Task:
        """The roads of the walk and up to three others, shuffled."""
        places = rng.sample(ALPHABET, length + STRAYS + 1)
        walk, others = places[: length + 1], places[length + 1 :]
        roads = [start + end for start, end in pairwise(walk)]
        strays = [others[0] + others[1], others[1] + others[2], others[2] + rng.choice(others[:2])]
        roads += strays[: rng.randrange(STRAYS + 1)]
        rng.shuffle(roads)
        return self._task(roads, walk[0], length)

    def read(self, text: str) -> Task | None:
        """From the text of a question to the question."""
        found = re.fullmatch(r"Roads ([A-Z]{2}(?:, [A-Z]{2})*)\. Walk (\d+) from ([A-Z])\.", text)
        try:
            return self._task(found[1].split(", "), found[3], int(found[2])) if found else None
        except KeyError:
            return None  # the roads end before the walk does

    def _task(self, roads: Sequence[str], start: str, length: int) -> Task:
        ways = {road[0]: road[1] for road in roads}
        walk = [start]
        for _ in range(length):
            walk.append(ways[walk[-1]])
        text = f"Roads {', '.join(roads)}. Walk {length} from {start}."
        steps = tuple(f"{here}{there};" for here, there in pairwise(walk))
        return Task(self.name, length, text, "".join(walk), steps)
