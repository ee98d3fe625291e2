"""The hard set: the questions of which fewer than τ of K rollouts were correct when they were last asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from p2o.distributed.unions import first_rank_wins
from p2o.types import Rollout


@dataclass(frozen=True)
class Tally:
    """How many rollouts of a question there were, and how many of them were correct."""

    correct: int
    rollouts: int

    def is_below(self, share: Fraction) -> bool:
        """Whether less than this share is correct; in whole numbers, so that no rounding decides."""
        return self.correct * share.denominator < share.numerator * self.rollouts


class HardSet:
    """Counts the rollouts of each question during an epoch, and names the hard questions when it ends.

    A question that the epoch did not ask keeps its last observation. One that was rolled out again within the epoch
    (`DynamicSampling`, hints) has more than K rollouts, and is judged by the share of correct ones: else each further
    group would make it look easier.

    Args:
        tau: τ, a question is hard iff fewer than this many of K rollouts are correct.
        rollouts: K.
    """

    def __init__(self, tau: int, rollouts: int) -> None:
        self.tau = tau
        self.rollouts = rollouts
        self.current: dict[str, Tally] = {}  # question id -> in this epoch
        self.hard: frozenset[str] = frozenset()  # when an epoch last ended
        self.last: dict[str, Tally] = {}  # question id -> in the last finished epoch that asked it
        self.asked: frozenset[str] = frozenset()  # in the last finished epoch
        self.turns: dict[str, int] = {}  # question id -> finished epochs that asked it

    @property
    def threshold(self) -> Fraction:
        """τ/K: a question is hard iff the share of correct rollouts is below it."""
        return Fraction(self.tau, self.rollouts)

    def observe(self, rollouts: Iterable[Rollout]) -> None:
        """Counts rollouts of this epoch. Hardness is measured under the prompt that was really used (Alg. 1)."""
        for rollout in rollouts:
            seen = self.current.get(rollout.question.id, Tally(0, 0))
            self.current[rollout.question.id] = Tally(seen.correct + int(rollout.correct), seen.rollouts + 1)

    def join(self) -> None:
        """Takes over the counts of all processes; every process calls it.

        A question that two of them asked for padding keeps one count of the two, as it has in one process.
        """
        self.current = first_rank_wins(self.current)

    def close(self) -> None:
        """Ends the epoch: its questions are hard or no longer so, and counting starts anew."""
        self.asked = frozenset(self.current)
        self.hard = (self.hard - self.asked) | self.hard_so_far()
        self.last |= self.current
        self.turns |= {question: self.turns.get(question, 0) + 1 for question in self.asked}
        self.current = {}

    def hard_so_far(self) -> frozenset[str]:
        """The questions that would be hard if the epoch ended now, among those that it has asked."""
        return _below(self.current, self.threshold)

    def shares(self) -> dict[str, float]:
        """Share of each question's rollouts that were correct when it was last asked, by its id, 0-1.

        Of all its rollouts in that epoch, under the prompts that were really used, templates and hints included.
        """
        return {question: seen.correct / seen.rollouts for question, seen in self.last.items()}

    def state_dict(self) -> dict[str, Any]:
        """Plain types; sorted, so that equal sets are equal states."""
        return {
            **self.state_so_far(),
            "hard": sorted(self.hard),
            "last": {question: seen.correct for question, seen in sorted(self.last.items())},
            "last_rolled": {question: seen.rollouts for question, seen in sorted(self.last.items())},
            "asked": sorted(self.asked),
            "turns": dict(sorted(self.turns.items())),
        }

    def state_so_far(self) -> dict[str, dict[str, int]]:
        """The part of the state that belongs to the epoch, and differs by process."""
        return {
            "correct": {question: seen.correct for question, seen in self.current.items()},
            "rolled": {question: seen.rollouts for question, seen in self.current.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described; what is hard is judged by the present τ."""
        self.current = self._tallies(state["correct"], state.get("rolled", {}))
        # A checkpoint from before epochs could be slices of the data has none of them.
        self.last = self._tallies(state.get("last", {}), state.get("last_rolled", {}))
        self.hard = (frozenset(state["hard"]) - self.last.keys()) | _below(self.last, self.threshold)
        self.asked = frozenset(state.get("asked", ()))
        self.turns = dict(state.get("turns", {}))

    def _tallies(self, correct: Mapping[str, int], rolled: Mapping[str, int]) -> dict[str, Tally]:
        """Earlier releases did not count rollouts, and took each question to have K."""
        return {question: Tally(count, rolled.get(question, self.rollouts)) for question, count in correct.items()}


def _below(seen: Mapping[str, Tally], share: Fraction) -> frozenset[str]:
    return frozenset(question for question, tally in seen.items() if tally.is_below(share))
