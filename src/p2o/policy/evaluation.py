"""Validation and benchmarks: what the policy is asked, and what comes of it."""

from collections.abc import Mapping, Sequence

from transformers import PreTrainedModel

from p2o.engines.base import SamplingParams
from p2o.policy.metrics import validation_metric
from p2o.prompts.templates import Template
from p2o.questions.benchmarks import Benchmark
from p2o.rollouts.groups import Group
from p2o.rollouts.worker import RolloutRequest, RolloutWorker
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout


def validate(
    worker: RolloutWorker,
    policy: PreTrainedModel,
    questions: Sequence[Question],
    best: Template | None,
    max_completion_length: int,
) -> dict[str, list[Rollout]]:
    """Greedy rollouts of the questions by context: bare, and templated as soon as there is a best template."""
    templates = {"bare": ""} | ({"templated": best.text} if best else {})
    requests = [RolloutRequest(question, template, seed=0) for template in templates.values() for question in questions]
    rollouts = worker.roll_out(policy, requests, SamplingParams(0.0, max_completion_length), "validation")
    n = len(questions)
    return {context: rollouts[place * n : (place + 1) * n] for place, context in enumerate(templates)}


def validation_accuracies(parts: Mapping[str, Sequence[Rollout]]) -> dict[str, tuple[float, int]]:
    """Accuracy (0-1) and number of questions by metric name, for each context and difficulty."""
    found = {}
    for context, rollouts in parts.items():
        for difficulty in dict.fromkeys(rollout.question.difficulty for rollout in rollouts):
            correct = [rollout.correct for rollout in rollouts if rollout.question.difficulty == difficulty]
            found[validation_metric(context, difficulty)] = (sum(correct) / len(correct), len(correct))
    return found


def ask_benchmark(
    worker: RolloutWorker,
    policy: PreTrainedModel,
    questions: Sequence[Question],
    template: str,
    benchmark: Benchmark,
    max_completion_length: int,
    seed: int,
) -> list[Group]:
    """A group for each question, of as many rollouts as the benchmark asks for."""
    n = benchmark.samples
    requests = [
        RolloutRequest(question, template, derive_seed(seed, "test", benchmark.name, question.id, k))
        for question in questions
        for k in range(n)
    ]
    sampling = SamplingParams(benchmark.temperature, max_completion_length)
    rollouts = worker.roll_out(policy, requests, sampling, "validation", benchmark.name)
    return [rollouts[start : start + n] for start in range(0, len(rollouts), n)]
