"""Random draws that both runs of a resumed search repeat exactly."""

import itertools
import random
from collections.abc import Iterator, Sequence

from p2o.seeds import derive_seed


def draw_by_weight(weights: Sequence[float], count: int, rng: random.Random) -> list[int]:
    """`count` different indices, drawn one after the other in proportion to their weights; ascending.

    Indices of weight 0 come only when all others are taken, then with equal chances.
    """
    # Exponential clocks: the order in which clocks of these rates ring is the order of such a sequence of draws.
    rings = [(weight <= 0, rng.expovariate(weight if weight > 0 else 1.0)) for weight in weights]
    return sorted(sorted(range(len(weights)), key=rings.__getitem__)[:count])


def mini_batches(count: int, size: int, seed: int) -> Iterator[tuple[int, ...]]:
    """An endless stream of mini-batches of `range(count)`, drawn without replacement from one shuffled queue.

    The queue is filled with a fresh shuffle when it runs out; what was left over from the last round then comes last,
    so that no mini-batch holds an index twice. With fewer than `size` indices, every mini-batch holds all of them.
    """
    size = min(size, count)
    queue: list[int] = []
    for turn in itertools.count():
        fresh = list(range(count))
        random.Random(derive_seed(seed, "mini_batches", turn)).shuffle(fresh)
        queue += sorted(fresh, key=queue.__contains__)
        while len(queue) >= size:
            yield tuple(queue[:size])
            del queue[:size]
