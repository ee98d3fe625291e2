"""Validation and benchmarks: what the policy is asked, and what comes of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from lightning import LightningModule
from torch import nn
from transformers import PreTrainedModel

from p2o.distributed.processes import together
from p2o.distributed.unions import first_rank_wins
from p2o.engines.base import SamplingParams
from p2o.errors import refuse
from p2o.mixture.data_module import mixture_of
from p2o.policy.metrics import validation_metric
from p2o.policy.preflight import templated_problems
from p2o.prompts.renderer import PromptRenderer
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


class Verdicts:
    """What became of the validation questions, each counted once for each context.

    Lightning's sampler gives processes questions that others have as well, so that all have equally many; and a process
    may have none of some difficulty, so that what is logged must be agreed on first.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[str, bool]] = {}  # context, question id -> difficulty, correct

    def add(self, parts: Mapping[str, Sequence[Rollout]]) -> None:
        """Takes down the rollouts of a batch by context."""
        self._found |= {
            (context, rollout.question.id): (rollout.question.difficulty, rollout.correct)
            for context, rollouts in parts.items()
            for rollout in rollouts
        }

    def accuracies(self) -> dict[str, tuple[float, int]]:
        """Accuracy (0-1) and number of questions by metric name, over all processes, which must all ask."""
        found: defaultdict[str, list[bool]] = defaultdict(list)
        for (context, _), (difficulty, correct) in first_rank_wins(self._found).items():
            found[validation_metric(context, difficulty)].append(correct)
        return {name: (sum(correct) / len(correct), len(correct)) for name, correct in found.items()}


class EvaluatedPolicy(LightningModule):
    """How a policy is validated and tested."""

    policy: PreTrainedModel
    worker: RolloutWorker
    renderer: PromptRenderer
    sampling: SamplingParams
    max_templated_prompt_length: int
    seed: int

    def __init__(self) -> None:
        super().__init__()
        self.verdicts = Verdicts()

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 (torch's signature)
        """Keeps a part that is a torch module, such as a reward model, out of the policy's weights.

        Its own would be in every checkpoint as the policy's, which no run with another reward could load; and a
        strategy would wait for their gradients.
        """
        if isinstance(value, nn.Module) and name != "policy":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def on_validation_epoch_start(self) -> None:
        """Begins anew, also after a validation that was broken off."""
        self.verdicts = Verdicts()

    def validation_step(self, questions: list[Question], batch_idx: int) -> dict[str, dict[str, list[Rollout]]]:
        """Greedy completions, with the bare prompt and under the best template so far."""
        best, length = mixture_of(self.trainer).best_template, self.sampling.max_completion_length
        parts = together(lambda: validate(self.worker, self.policy, questions, best, length))
        self.verdicts.add(parts)
        return {"rollouts": parts}  # callbacks store them

    def on_validation_epoch_end(self) -> None:
        """Logs the accuracy by difficulty."""
        for name, (accuracy, count) in self.verdicts.accuracies().items():
            self.log(name, accuracy, batch_size=count, sync_dist=True)

    def on_test_start(self) -> None:
        """Holds every benchmark question against the window under the template of the test, before any is asked.

        Raises:
            InputError: One does not fit, or there is no template.
        """
        data = mixture_of(self.trainer)
        if template := data.template_of_test():
            questions = (question for benchmark in data.test_benchmarks for question in benchmark.questions)
            refuse(templated_problems(questions, self.renderer, template, self.max_templated_prompt_length))

    def test_step(self, questions: list[Question], batch_idx: int, dataloader_idx: int = 0) -> dict[str, list[Group]]:
        """Completions of benchmark questions, bare or under the best template, for the report of the benchmarks."""
        data, length = mixture_of(self.trainer), self.sampling.max_completion_length
        benchmark, template = data.test_benchmarks[dataloader_idx], data.template_of_test()
        return {"groups": ask_benchmark(self.worker, self.policy, questions, template, benchmark, length, self.seed)}
