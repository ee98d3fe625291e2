"""Which fixed questions are asked, and how their answers are put down."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from p2o.distributed.processes import share
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.module import PolicyModule
from p2o.rollouts import RolloutRequest
from p2o.seeds import derive_seed
from p2o.types import Question

RewardAndVerdict = list[float]  # reward, and 1 if it is correct or else 0
FixedAnswers = Mapping[tuple[str, int], RewardAndVerdict]  # of question and number of the completion


def choose_questions(questions: Sequence[Question], count: int, seed: int) -> list[Question]:
    """`count` of the questions, drawn uniformly, in the order of the data."""
    ids = sorted(question.id for question in questions)
    drawn = set(random.Random(derive_seed(seed, "fixed_questions")).sample(ids, min(count, len(ids))))
    return [question for question in questions if question.id in drawn]


def measure(
    module: PolicyModule, data: MixtureDataModule, questions: Sequence[Question], epoch: int, bare: FixedAnswers
) -> list[dict[str, Any]]:
    """Each question's K answers, bare and under the templates that it would carry in this epoch, in plain types.

    Args:
        module: The policy that is asked.
        data: Hard set and template bank.
        questions: The fixed questions.
        epoch: Decides the draws of templates.
        bare: Bare answers that this policy gave before; if there are none, it is asked.
    """
    numbers = range(data.num_generations)
    templates = {question.id: data.item(question, epoch).templates for question in questions}
    bare = bare or _ask(module, [(question, k, "") for question in questions for k in numbers])
    asked = [(question, k, templates[question.id][k]) for question in questions for k in numbers]
    under = _ask(module, [(question, k, template) for question, k, template in asked if template])
    mixture = {**bare, **under}  # a rollout that carries no template is the bare one
    return [
        {
            "id": question.id,
            "hard": question.id in data.hard_set.hard,
            "templated": [bool(template) for template in templates[question.id]],
            "bare": [bare[question.id, k] for k in numbers],
            "mixture": [mixture[question.id, k] for k in numbers],
        }
        for question in questions
    ]


def bare_answers(entries: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], RewardAndVerdict]:
    """The bare answers of an earlier measurement, by question and number of the completion."""
    return {(entry["id"], k): answer for entry in entries for k, answer in enumerate(entry["bare"])}


def _ask(module: PolicyModule, asked: Sequence[tuple[Question, int, str]]) -> dict[tuple[str, int], RewardAndVerdict]:
    """One engine call on each process, which has a share; an answer's seed depends on question and number alone."""
    if not asked:
        return {}
    requests = [
        RolloutRequest(question, template, derive_seed(module.seed, "fixed_questions", question.id, k))
        for question, k, template in asked
    ]

    def ask_share(part: Sequence[RolloutRequest]) -> list[RewardAndVerdict]:
        rollouts = module.worker.roll_out(module.policy, part, module.sampling, "fixed_questions", "fixed questions")
        return [[rollout.reward, float(rollout.correct)] for rollout in rollouts]

    answers = zip(asked, share(requests, ask_share), strict=True)
    return {(question.id, k): answered for (question, k, _), answered in answers}
