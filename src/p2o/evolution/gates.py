"""Gates: whether a child that was compared with its parent on a mini-batch joins the pool."""

from abc import ABC, abstractmethod
from enum import Enum, auto

from p2o.contracts import name_of
from p2o.errors import InputError


class Verdict(Enum):
    """What a gate says of a child; one that is still undecided when the budget has no more rounds is rejected."""

    ACCEPTED = auto()
    REJECTED = auto()
    UNDECIDED = auto()


class Gate(ABC):
    """Decides after each mini-batch on which a child was compared with its parent.

    It is asked more than once for a child: what it says depends on the two numbers alone.
    """

    @abstractmethod
    def judge(self, gain: float, mini_batches: int) -> Verdict:
        """The verdict on a child.

        Args:
            gain: Its summed reward above the parent's, over all mini-batches so far.
            mini_batches: On how many it was compared, 1 or more.
        """


class StrictImprovement(Gate):
    """Accepts a child iff it is strictly better than its parent on one mini-batch (paper, GEPA)."""

    def judge(self, gain: float, mini_batches: int) -> Verdict:
        """Accepts a child that gained, rejects any other, and is never undecided."""
        return Verdict.ACCEPTED if gain > 0 else Verdict.REJECTED


class SecondChance(Gate):
    """Gives a child that did exactly as well as its parent further mini-batches, until one of the two is ahead.

    On hard questions most comparisons of three greedy completions end 0 to 0, which says nothing about the child: where
    gains are small, `StrictImprovement` rejects nearly every sensible template, and texts that were rejected are never
    tried again. A further mini-batch costs 2B rollouts for each child that is undecided.

    Args:
        mini_batches: On which a child is compared with its parent at most, the first one included.
    """

    def __init__(self, mini_batches: int = 3) -> None:
        if mini_batches < 1:
            raise InputError(f"SecondChance needs mini_batches >= 1, got {mini_batches}.")
        self.mini_batches = mini_batches

    def judge(self, gain: float, mini_batches: int) -> Verdict:
        """Undecided while the two are even and there are mini-batches left."""
        if gain == 0 and mini_batches < self.mini_batches:
            return Verdict.UNDECIDED
        return Verdict.ACCEPTED if gain > 0 else Verdict.REJECTED


def judge_checked(gate: Gate, gain: float, mini_batches: int) -> Verdict:
    """The verdict of a gate: `True` is none, and would reject every child.

    Raises:
        InputError: It gives something else.
    """
    verdict: object = gate.judge(gain, mini_batches)
    if not isinstance(verdict, Verdict):
        raise InputError(
            f"{name_of(gate, 'judge')}: expected a p2o.evolution.Verdict, got {verdict!r:.100}. Return "
            "Verdict.ACCEPTED, Verdict.REJECTED, or Verdict.UNDECIDED for a further mini-batch."
        )
    return verdict
