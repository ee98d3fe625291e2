"""How many of the K rollouts of a question that carries templates are left bare, epoch by epoch."""

from abc import ABC, abstractmethod

from p2o.errors import InputError

ENDLESS = 10_000  # epochs: by then a schedule has come to its end


class BareRollouts(ABC):
    """Decides how many rollouts of a templated group stay bare."""

    @abstractmethod
    def __call__(self, epoch: int) -> int:
        """How many, in an epoch; templates first come in epoch 1."""

    def extremes(self, epochs: int) -> tuple[int, int]:
        """The fewest and the most of them in a run of so many epochs; -1 are as many as there will be."""
        counts = [self(epoch) for epoch in range(1, max(2, epochs if epochs >= 0 else ENDLESS))]
        return min(counts), max(counts)


class FixedBareRollouts(BareRollouts):
    """The same number in every epoch; in YAML the number alone.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, epoch: int) -> int:
        """The number."""
        return self.count


class AnnealedBareRollouts(BareRollouts):
    """From one number to another, in even steps: templates are withdrawn on a schedule.

    Hint annealing (arXiv 2604.07747, abstract read); that rollouts are counted, and not drawn, is ours.

    Args:
        first: Bare rollouts in epoch 1, the first that can have templates.
        last: Bare rollouts from epoch `until` on; `data.num_generations` withdraws all templates.
        until: An epoch after the first.
    """

    def __init__(self, first: int, last: int, until: int) -> None:
        if min(first, last) < 0 or until < 2:
            raise InputError(
                f"AnnealedBareRollouts needs first and last >= 0 and until >= 2, got {first}, {last} and {until}."
            )
        self.first = first
        self.last = last
        self.until = until

    def __call__(self, epoch: int) -> int:
        """The number on the line between both, rounded."""
        way = min(1.0, max(0, epoch - 1) / (self.until - 1))
        return round(self.first + way * (self.last - self.first))


def bare_rollouts_of(value: int | BareRollouts) -> BareRollouts:
    """What a config says, as a part."""
    return FixedBareRollouts(value) if isinstance(value, int) else value
