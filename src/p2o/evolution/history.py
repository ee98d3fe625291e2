"""What an evolution remembers: candidates, iterations, and the history made of both, which is its whole state."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import Any


class Status(StrEnum):
    """What became of a candidate. `SEED` and `ACCEPTED` are in the pool."""

    SEED = "seed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # not better than its parent on the mini-batch
    BUDGET_EXHAUSTED = "budget_exhausted"  # better, but the budget had no dev evaluation left for it


@dataclass(frozen=True)
class Candidate:
    """A template that was tried, with its evidence.

    Args:
        text: The template.
        status: What became of it.
        iteration: When it was tried; 0 for seeds.
        parent: Its parent's index in the pool; None for seeds.
        mini_batch: Ids of the train questions of the comparison, B.
        before: The parent's mean reward on each of them, B.
        after: Its own mean reward on each of them, B.
        dev_scores: Share of correct completions on each dev question, 0-1, V; empty if it is not in the pool.
        prompt: What the reflector was asked; "" for seeds.
        reply: What it wrote; "" for seeds.
    """

    text: str
    status: Status
    iteration: int
    parent: int | None = None
    mini_batch: tuple[str, ...] = ()
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    dev_scores: tuple[float, ...] = ()
    prompt: str = ""
    reply: str = ""

    @property
    def dev_score(self) -> float:
        """Mean dev score; 0 if it has none."""
        return fmean(self.dev_scores) if self.dev_scores else 0.0


@dataclass(frozen=True)
class Iteration:
    """What one iteration did and cost; the first one scores the seeds.

    Args:
        parents: Their indices in the pool.
        skipped: Parents whose mini-batch was already perfect.
        rejections: Why there was no child, and how often: the reflector's reasons, and texts that were known.
        tried: Children compared with their parents.
        accepted: Those that were strictly better, those without a dev evaluation included.
        parent_rollouts: Rollouts of the parents' mini-batches.
        child_rollouts: Rollouts of the children's mini-batches.
        dev_rollouts: Rollouts on the dev questions.
    """

    parents: tuple[int, ...] = ()
    skipped: int = 0
    rejections: dict[str, int] = field(default_factory=dict)
    tried: int = 0
    accepted: int = 0
    parent_rollouts: int = 0
    child_rollouts: int = 0
    dev_rollouts: int = 0

    @property
    def spent(self) -> int:
        """Rollouts of the iteration, whatever they were for."""
        return self.parent_rollouts + self.child_rollouts + self.dev_rollouts


@dataclass(frozen=True)
class History:
    """All that happened so far.

    Args:
        pool: Templates scored on dev, in the order they came; seeds first.
        others: Candidates that are not in the pool: rejected, or without a dev evaluation.
        iterations: In order; number 0 scored the seeds.
    """

    pool: tuple[Candidate, ...] = ()
    others: tuple[Candidate, ...] = ()
    iterations: tuple[Iteration, ...] = ()

    @property
    def spent(self) -> int:
        """Rollouts that the search has cost so far."""
        return sum(iteration.spent for iteration in self.iterations)

    @property
    def mini_batches(self) -> int:
        """How many mini-batches were drawn so far: one for each parent of each iteration."""
        return sum(len(iteration.parents) for iteration in self.iterations)

    @property
    def idle(self) -> int:
        """Iterations in a row, up to now, that had nothing new to try."""
        tried = [iteration.tried > 0 for iteration in self.iterations[1:]]
        return tried[::-1].index(True) if True in tried else len(tried)

    @property
    def best_dev_scores(self) -> list[float]:
        """Best mean dev score of the pool after each iteration."""
        scores = [(candidate.iteration, candidate.dev_score) for candidate in self.pool]
        return [max(score for made, score in scores if made <= number) for number in range(len(self.iterations))]

    @property
    def rejections(self) -> Counter[str]:
        """Why there was no child, and how often, over all iterations."""
        return sum((Counter(iteration.rejections) for iteration in self.iterations), Counter())

    def extended(self, candidates: Iterable[Candidate], iteration: Iteration) -> "History":
        """The history after one more iteration with these candidates."""
        candidates = tuple(candidates)
        return History(
            pool=self.pool + tuple(candidate for candidate in candidates if candidate.dev_scores),
            others=self.others + tuple(candidate for candidate in candidates if not candidate.dev_scores),
            iterations=(*self.iterations, iteration),
        )

    def state_dict(self) -> dict[str, Any]:
        """Plain types only, so that a checkpoint loads with `weights_only=True`, and JSON gives the same back."""
        return {
            "pool": [_plain(candidate) for candidate in self.pool],
            "others": [_plain(candidate) for candidate in self.others],
            "iterations": [_plain(iteration) for iteration in self.iterations],
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "History":
        """The history that `state_dict` described, with its records restored."""
        return cls(
            pool=tuple(_candidate(fields) for fields in state["pool"]),
            others=tuple(_candidate(fields) for fields in state["others"]),
            iterations=tuple(Iteration(**_tuples(fields)) for fields in state["iterations"]),
        )


def _plain(record: Candidate | Iteration) -> dict[str, Any]:
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(record).items()}
    return {name: str(value) if isinstance(value, Status) else value for name, value in fields.items()}


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _candidate(fields: dict[str, Any]) -> Candidate:
    return Candidate(**_tuples(fields) | {"status": Status(fields["status"])})
