"""What the question log keeps of a question in an epoch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from p2o.types import Rollout


@dataclass(frozen=True)
class QuestionRecord:
    """The rollouts of a question in an epoch: K, or more if a sampler asked the question again.

    Args:
        epoch: Number of the epoch, from 0.
        id: The question's id.
        difficulty: The question's difficulty label.
        context: "bare", "templated", or "mixed" if some of the rollouts were bare.
        correct: How many of the rollouts were correct.
        hard: Whether these are fewer than τ of K, or a smaller share than that of more.
        templates: Id of each rollout's template, "" for the bare question.
        outcomes: Outcome of each rollout, such as "correct" or "truncated".
    """

    epoch: int
    id: str
    difficulty: str
    context: str
    correct: int
    hard: bool
    templates: tuple[str, ...]
    outcomes: tuple[str, ...]


def record(epoch: int, group: Sequence[Rollout], threshold: Fraction) -> QuestionRecord:
    """The record of one group of rollouts, which is hard if a share below the threshold τ/K is correct."""
    question = group[0].question
    correct = sum(rollout.correct for rollout in group)
    return QuestionRecord(
        epoch=epoch,
        id=question.id,
        difficulty=question.difficulty,
        context=context_of(group),
        correct=correct,
        hard=correct < threshold * len(group),
        templates=tuple(template_id(rollout.template) for rollout in group),
        outcomes=tuple(str(rollout.grade.outcome) for rollout in group),
    )


def context_of(group: Sequence[Rollout]) -> str:
    """Under which prompts the rollouts of a question were sampled: "bare", "templated" or "mixed"."""
    templated = sum(bool(rollout.template) for rollout in group)
    if templated == 0:
        return "bare"
    return "templated" if templated == len(group) else "mixed"


def joined(first: QuestionRecord, second: QuestionRecord, threshold: Fraction) -> QuestionRecord:
    """The record of a question that was asked twice in an epoch: hard by the share of all its rollouts that are right.

    The hard set counts them in the same way.
    """
    correct, outcomes = first.correct + second.correct, first.outcomes + second.outcomes
    return replace(
        first,
        context=first.context if first.context == second.context else "mixed",
        correct=correct,
        hard=correct < threshold * len(outcomes),
        templates=first.templates + second.templates,
        outcomes=outcomes,
    )


def template_id(text: str) -> str:
    """A short name of a template, the same in every epoch and run; "" of the empty one."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest() if text else ""
