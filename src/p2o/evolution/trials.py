"""The comparison of a parent and its child on one mini-batch."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import fmean
from typing import Literal

from p2o.evolution.history import Candidate, Status
from p2o.reflectors.base import Proposal
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout

Graded = tuple[Rollout, ...]  # the n completions of one question under one template
CompareOn = Literal["hard", "unsolved"]


@dataclass(frozen=True)
class Trial:
    """A parent, by its index in the pool, its mini-batch, and what it did there."""

    parent: int
    questions: tuple[Question, ...]  # B
    before: tuple[Graded, ...]  # B

    @property
    def perfect(self) -> bool:
        """Whether everything is correct, so that there is no failure to learn from."""
        return all(rollout.correct for graded in self.before for rollout in graded)


@dataclass(frozen=True)
class Child:
    """A new template, the trial it came from, and what it did there."""

    trial: Trial
    proposal: Proposal
    after: tuple[Graded, ...]  # B

    @property
    def text(self) -> str:
        """The text of the proposed template."""
        return self.proposal.template

    @property
    def gain(self) -> float:
        """Summed reward above the parent's; the child is accepted only if this is positive."""
        return summed_reward(self.after) - summed_reward(self.trial.before)

    def extended(
        self, questions: tuple[Question, ...], before: tuple[Graded, ...], after: tuple[Graded, ...]
    ) -> "Child":
        """The same comparison with another mini-batch added to it."""
        trial = Trial(self.trial.parent, self.trial.questions + questions, self.trial.before + before)
        return Child(trial, self.proposal, self.after + after)

    def candidate(self, iteration: int, accepted: bool, dev_scores: tuple[float, ...] | None) -> Candidate:
        """The record of this child; `dev_scores` is None if it was not scored on dev."""
        unscored = Status.BUDGET_EXHAUSTED if accepted else Status.REJECTED
        return Candidate(
            text=self.text,
            status=unscored if dev_scores is None else Status.ACCEPTED,
            iteration=iteration,
            parent=self.trial.parent,
            mini_batch=tuple(question.id for question in self.trial.questions),
            before=tuple(mean_reward(graded) for graded in self.trial.before),
            after=tuple(mean_reward(graded) for graded in self.after),
            dev_scores=dev_scores or (),
            prompt=self.proposal.prompt,
            reply=self.proposal.reply,
        )


class MiniBatches:
    """The mini-batches of a search by their number, so that a repeated or resumed step draws what it drew before.

    Args:
        train: The questions to draw from.
        size: B, questions of a mini-batch; all of them if there are fewer.
        seed: Of the search.
    """

    def __init__(self, train: Sequence[Question], size: int, seed: int) -> None:
        self.train = tuple(train)
        self.size = min(size, len(self.train))
        self._queue = mini_batches(len(self.train), size, seed)
        self._drawn: list[tuple[Question, ...]] = []

    def numbered(self, start: int, count: int) -> list[tuple[Question, ...]]:
        """`count` mini-batches, from number `start` on."""
        missing = max(0, start + count - len(self._drawn))
        fresh = itertools.islice(self._queue, missing)
        self._drawn += (tuple(self.train[index] for index in indices) for indices in fresh)
        return self._drawn[start : start + count]


def compared(
    compare_on: CompareOn, train: Sequence[Question], mined: Mapping[str, float], least: int
) -> list[Question]:
    """The questions on which parents and children are compared.

    Args:
        compare_on: All of them (`hard`), or, if there are so many, those of which no rollout of the epoch was correct
            (`unsolved`): there a parent seldom solves one by luck, for which a child that is no worse is rejected.
        train: To choose from, in order.
        mined: Share of correct rollouts by the question's id; one without was not solved.
        least: Questions of a mini-batch.
    """
    chosen = [question for question in train if compare_on == "hard" or not mined.get(question.id)]
    return chosen if len(chosen) >= least else list(train)


def summed_reward(batch: tuple[Graded, ...]) -> float:
    """Sum of all rewards, exact up to one rounding: equal rewards in another order are no improvement."""
    return fsum(rollout.reward for graded in batch for rollout in graded)


def mean_reward(graded: Graded) -> float:
    """Mean reward of the completions of one question."""
    return fmean(rollout.reward for rollout in graded)


def share_correct(graded: Graded) -> float:
    """Share of the completions of one question that are correct, 0-1."""
    return fmean(rollout.correct for rollout in graded)


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
