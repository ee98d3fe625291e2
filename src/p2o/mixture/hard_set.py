"""The hard set: the questions of an epoch that fewer than τ rollouts solved."""

from collections.abc import Iterable
from typing import Any

from p2o.distributed.unions import first_rank_wins
from p2o.types import Rollout


class HardSet:
    """Counts correct rollouts per question during an epoch, and names the hard questions when it ends.

    Args:
        tau: τ, a question is hard iff fewer than this many of its rollouts are correct.
    """

    def __init__(self, tau: int) -> None:
        self.tau = tau
        self.correct: dict[str, int] = {}  # question id -> correct rollouts in this epoch
        self.hard: frozenset[str] = frozenset()  # of the last finished epoch

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
        """Ends the epoch: its hard questions become `hard`, and counting starts anew."""
        self.hard = frozenset(question for question, correct in self.correct.items() if correct < self.tau)
        self.correct = {}

    def state_dict(self) -> dict[str, Any]:
        """Plain types; sorted, so that equal sets are equal states."""
        return {"correct": dict(self.correct), "hard": sorted(self.hard)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described."""
        self.correct = dict(state["correct"])
        self.hard = frozenset(state["hard"])
