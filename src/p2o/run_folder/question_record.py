"""What the question log keeps of a question in an epoch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from p2o.types import Rollout


@dataclass(frozen=True)
class QuestionRecord:
    """The rollouts of a question in an epoch: K, or a multiple of it if a sampler asked the question again.

    Args:
        epoch: Number of the epoch, from 0.
        id: The question's id.
        difficulty: The question's difficulty label.
        context: "bare", "templated", or "mixed" if some of the K rollouts were bare.
        correct: How many of the rollouts were correct.
        hard: Whether these are fewer than τ.
        templates: Id of each rollout's template, "" for the bare question, K.
        outcomes: Outcome of each rollout, such as "correct" or "truncated", K.
    """

    epoch: int
    id: str
    difficulty: str
    context: str
    correct: int
    hard: bool
    templates: tuple[str, ...]
    outcomes: tuple[str, ...]


def record(epoch: int, group: Sequence[Rollout], tau: int) -> QuestionRecord:
    """The record of one group of rollouts, which is hard if fewer than `tau` of them are correct."""
    question = group[0].question
    correct = sum(rollout.correct for rollout in group)
    return QuestionRecord(
        epoch=epoch,
        id=question.id,
        difficulty=question.difficulty,
        context=context_of(group),
        correct=correct,
        hard=correct < tau,
        templates=tuple(template_id(rollout.template) for rollout in group),
        outcomes=tuple(str(rollout.grade.outcome) for rollout in group),
    )


def context_of(group: Sequence[Rollout]) -> str:
    """Under which prompts the rollouts of a question were sampled: "bare", "templated" or "mixed"."""
    templated = sum(bool(rollout.template) for rollout in group)
    if templated == 0:
        return "bare"
    return "templated" if templated == len(group) else "mixed"


def joined(first: QuestionRecord, second: QuestionRecord, tau: int) -> QuestionRecord:
    """The record of a question that was asked twice in an epoch: hard if fewer than tau of all its rollouts are right.

    The hard set counts them in the same way.
    """
    correct = first.correct + second.correct
    return replace(
        first,
        context=first.context if first.context == second.context else "mixed",
        correct=correct,
        hard=correct < tau,
        templates=first.templates + second.templates,
        outcomes=first.outcomes + second.outcomes,
    )


def template_id(text: str) -> str:
    """A short name of a template, the same in every epoch and run; "" of the empty one."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest() if text else ""
