"""The hard set: the questions that fewer than τ rollouts solved when they were last asked."""

from collections.abc import Iterable
from typing import Any

from p2o.distributed.unions import first_rank_wins
from p2o.types import Rollout


class HardSet:
    """Counts correct rollouts per question during an epoch, and names the hard questions when it ends.

    A question that the epoch did not ask keeps its last observation.

    Args:
        tau: τ, a question is hard iff fewer than this many of its rollouts are correct.
    """

    def __init__(self, tau: int) -> None:
        self.tau = tau
        self.correct: dict[str, int] = {}  # question id -> correct rollouts in this epoch
        self.hard: frozenset[str] = frozenset()  # when an epoch last ended
        self.last: dict[str, int] = {}  # question id -> correct rollouts in the last finished epoch that asked it
        self.asked: frozenset[str] = frozenset()  # in the last finished epoch
        self.turns: dict[str, int] = {}  # question id -> finished epochs that asked it

    def observe(self, rollouts: Iterable[Rollout]) -> None:
        """Counts rollouts of this epoch. Hardness is measured under the prompt that was really used (Alg. 1)."""
        for rollout in rollouts:
            question = rollout.question.id
            self.correct[question] = self.correct.get(question, 0) + int(rollout.correct)

    def join(self) -> None:
        """Takes over the counts of all processes; every process calls it.

        A question that two of them asked for padding keeps one count of the two, as τ is a number of K rollouts.
        """
        self.correct = first_rank_wins(self.correct)

    def close(self) -> None:
        """Ends the epoch: its questions are hard or no longer so, and counting starts anew."""
        self.asked = frozenset(self.correct)
        hard = frozenset(question for question, correct in self.correct.items() if correct < self.tau)
        self.hard = (self.hard - self.asked) | hard
        self.last |= self.correct
        self.turns |= {question: self.turns.get(question, 0) + 1 for question in self.asked}
        self.correct = {}

    def shares(self, rollouts: int) -> dict[str, float]:
        """Share of each question's rollouts that were correct when it was last asked, by its id, 0-1.

        Under the prompts that were really used, templates included; a question whose rollouts were drawn again has more
        than `rollouts` of them, and a share of at most 1.
        """
        return {question: min(1.0, correct / rollouts) for question, correct in self.last.items()}

    def state_dict(self) -> dict[str, Any]:
        """Plain types; sorted, so that equal sets are equal states."""
        return {
            "correct": dict(self.correct),
            "hard": sorted(self.hard),
            "last": dict(sorted(self.last.items())),
            "asked": sorted(self.asked),
            "turns": dict(sorted(self.turns.items())),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described; what is hard is judged by the present τ."""
        self.correct = dict(state["correct"])
        # A checkpoint from before epochs could be slices of the data has none of them.
        self.last = dict(state.get("last", {}))
        hard = frozenset(question for question, correct in self.last.items() if correct < self.tau)
        self.hard = (frozenset(state["hard"]) - self.last.keys()) | hard
        self.asked = frozenset(state.get("asked", ()))
        self.turns = dict(state.get("turns", {}))
