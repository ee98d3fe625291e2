"""Whether a policy collapses: said while the run goes on, since an epoch may last for hours."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from p2o.distributed.unions import summed
from p2o.types import Rollout

WINDOW = 8  # rollout batches: one batch of unlucky questions is no collapse
NEAR_ZERO = 0.01  # nats a token
FELL = 0.1  # of the entropy at the start; a policy that was that sure from the start has not collapsed
LEARNED = 0.1  # share of correct completions that is more than luck
SATURATED = 0.9  # share of correct completions from which a sure policy is a good one
OFTEN = 0.5  # share of truncated completions at the start that is a limit too low, and no collapse
NANO = 10**9  # log-probabilities are added up as whole numbers, so that their sum knows no order


@dataclass(frozen=True)
class BatchCounts:
    """What the rollouts of a batch, or of a window of batches, come to.

    Args:
        completions: How many there are.
        correct: Of them.
        truncated: Of them, by the length limit.
        tokens: Whose log-probability the engine told.
        surprise: Sum of -log π(token) over these, in billionths of a nat.
    """

    completions: int = 0
    correct: int = 0
    truncated: int = 0
    tokens: int = 0
    surprise: int = 0

    @property
    def accuracy(self) -> float:
        """The share of correct completions, 0-1."""
        return self.correct / max(1, self.completions)

    @property
    def cut_off(self) -> float:
        """The share of truncated completions, 0-1."""
        return self.truncated / max(1, self.completions)

    @property
    def entropy(self) -> float:
        """Nats a token of the sampling distribution, as its own samples estimate it; infinite if nothing is known."""
        return self.surprise / NANO / self.tokens if self.tokens else math.inf


def batch_counts(rollouts: Sequence[Rollout]) -> BatchCounts:
    """The counts of the rollouts of this process."""
    logps = [logp for rollout in rollouts for logp in rollout.completion.logps or () if math.isfinite(logp)]
    return BatchCounts(
        completions=len(rollouts),
        correct=sum(rollout.correct for rollout in rollouts),
        truncated=sum(rollout.completion.truncated for rollout in rollouts),
        tokens=len(logps),
        surprise=sum(round(-logp * NANO) for logp in logps),
    )


class CollapseWatch:
    """Compares the last batches of a run with its first and its best ones, and says each kind of collapse once."""

    def __init__(self) -> None:
        self._batches: deque[BatchCounts] = deque(maxlen=WINDOW)
        self._first: BatchCounts | None = None  # the first window
        self._best = 0.0  # accuracy of a window so far
        self._said: set[str] = set()

    def see(self, rollouts: Sequence[Rollout]) -> list[str]:
        """What a batch shows that was not said before; nothing until there are `WINDOW` batches.

        Args:
            rollouts: Of this process; all processes must call it equally often.
        """
        self._batches.append(BatchCounts(**summed(asdict(batch_counts(rollouts)))))
        if len(self._batches) < WINDOW:
            return []
        window = _total(self._batches)
        self._first = self._first or window
        self._best = max(self._best, window.accuracy)
        found = {kind: text for kind, text in signs(window, self._first, self._best) if kind not in self._said}
        self._said |= found.keys()
        return list(found.values())

    def state_dict(self) -> dict[str, Any]:
        """What it has seen and said so far."""
        return {
            "batches": [asdict(batch) for batch in self._batches],
            "first": asdict(self._first) if self._first else None,
            "best": self._best,
            "said": sorted(self._said),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on watching a resumed run."""
        self._batches = deque((BatchCounts(**batch) for batch in state["batches"]), maxlen=WINDOW)
        self._first = BatchCounts(**state["first"]) if state["first"] else None
        self._best, self._said = state["best"], set(state["said"])


def signs(window: BatchCounts, first: BatchCounts, best: float) -> Iterator[tuple[str, str]]:
    """Kinds of collapse that a window of batches shows, each with what to tell the user.

    Args:
        window: The last batches.
        first: The first ones of the run.
        best: The highest accuracy of a window so far.
    """
    if window.correct == 0 and best >= LEARNED:
        yield (
            "reward",
            f"no completion of the last {WINDOW} rollout batches is correct, where {best:.0%} were before: the policy "
            "has collapsed. Go back to a checkpoint from before (checkpoint.keep_every_n_epochs keeps them), with a "
            "lower learning rate or a KL to the start (ReferenceKL).",
        )
    if window.truncated == window.completions and first.cut_off < OFTEN:
        yield (
            "truncated",
            f"the length limit cut off every completion of the last {WINDOW} rollout batches, where it was "
            f"{first.cut_off:.0%} at the start: the policy no longer ends its answers. Lower the learning rate, raise "
            "model.max_completion_length, or shape the reward by SoftOverlong.",
        )
    if window.entropy < NEAR_ZERO and window.entropy < FELL * first.entropy and window.accuracy < SATURATED:
        yield (
            "entropy",
            f"the policy's entropy has fallen from {first.entropy:.3f} to {window.entropy:.4f} nats a token in the "
            f"last {WINDOW} rollout batches, while {window.accuracy:.0%} of its completions are correct: rollouts of a "
            "question are all alike and teach nothing. Raise model.temperature, add EntropyBonus, or lower the "
            "learning rate.",
        )


def _total(batches: Sequence[BatchCounts] | deque[BatchCounts]) -> BatchCounts:
    return BatchCounts(*(sum(counts) for counts in zip(*(asdict(batch).values() for batch in batches), strict=True)))
