"""The scores of one benchmark, from the graded completions of its questions."""

from collections.abc import Sequence
from typing import Any

import torch
from torchmetrics import Metric

from p2o.evaluation.estimators import majority, pass_at_k, powers_of_two
from p2o.evaluation.question_mean import QuestionCount, QuestionInterval, QuestionMean
from p2o.questions.benchmarks import Benchmark
from p2o.types import Outcome, Rollout


class BenchmarkScores:
    """Collects the graded completions of a benchmark and computes its figures.

    Args:
        benchmark: Its questions, and how often each is asked.
        device: Where the states live, which the processes of a distributed run exchange.
    """

    def __init__(self, benchmark: Benchmark, device: torch.device) -> None:
        self.benchmark = benchmark
        self.ks = powers_of_two(benchmark.samples)
        self._numbers = {question.id: number for number, question in enumerate(benchmark.questions)}
        means = [*(f"pass@{k}" for k in self.ks), "majority", "length", "truncated", *map(str, Outcome)]
        count = len(benchmark.questions)
        self._metrics: dict[str, Metric] = {name: QuestionMean(count, device) for name in means}
        self._metrics["interval"] = QuestionInterval(count, device)
        self._metrics["questions"] = QuestionCount(count, device)

    def update(self, rollouts: Sequence[Rollout]) -> None:
        """Takes all completions of one question."""
        n, correct = len(rollouts), sum(rollout.correct for rollout in rollouts)
        outcomes = [rollout.grade.outcome for rollout in rollouts]
        values = {
            **{f"pass@{k}": pass_at_k(n, correct, k) for k in self.ks},
            "majority": majority([rollout.grade for rollout in rollouts]),
            "length": sum(len(rollout.completion.ids) for rollout in rollouts) / n,
            "truncated": sum(rollout.completion.truncated for rollout in rollouts) / n,
            **{str(outcome): outcomes.count(outcome) / n for outcome in Outcome},
            "interval": correct / n,
            "questions": 1.0,
        }
        for name, value in values.items():
            self._metrics[name].update(self._numbers[rollouts[0].question.id], value)

    def compute(self) -> dict[str, Any]:
        """The figures over all processes, in plain types; shares are 0-1."""
        found = {name: metric.compute().tolist() for name, metric in self._metrics.items()}
        return {
            "questions": found["questions"],
            "samples": self.benchmark.samples,
            "temperature": self.benchmark.temperature,
            "pass@1": found["pass@1"],
            "interval": found["interval"],
            "pass@k": {str(k): found[f"pass@{k}"] for k in self.ks},
            "maj@k": found["majority"],
            "completion_length": found["length"],
            "truncated": found["truncated"],
            "outcomes": {str(outcome): found[str(outcome)] for outcome in Outcome},
        }
