"""Leaves out questions whose gold answer no completion can match."""

from collections.abc import Iterable

from p2o.commands.prepare.left_out import LeftOut, Sifted
from p2o.progress import track
from p2o.rewards.base import Reward
from p2o.types import Question


def leave_out_unreadable(questions: Iterable[Question], reward: Reward) -> Sifted:
    """Asks the reward for each gold answer, once."""
    asked = list(questions)
    answers = list(dict.fromkeys(question.answer for question in asked))
    reasons = {answer: reward.reject(answer) for answer in track(answers, "gold answers", "answer")}
    return [question for question in asked if not reasons[question.answer]], [
        LeftOut(question.id, "gold does not parse", f"{question.answer!r:.200}: {reason}")
        for question in asked
        if (reason := reasons[question.answer])
    ]
