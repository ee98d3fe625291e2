"""How sure a difference between two methods is."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from p2o.commands.study.results import RunResult
from p2o.errors import InputError
from p2o.evaluation.student import student_quantile


def paired_interval(differences: Tensor) -> tuple[float, float, float]:
    """Mean of paired differences [S, Q] and its 95 % interval, over seeds and questions.

    Every seed answers the same questions, so seeds and questions are crossed random effects. Their shares of the
    variance come from the two-way analysis of variance without repetition, none below zero; degrees of freedom are
    Satterthwaite's (1946, doi 10.2307/3002019), and the quantile is Student's: with five seeds that differ it is 2.8,
    not 2.0. Taking question-seed pairs for independent would take one training run for Q of them.

    With one seed the interval is that of the questions alone, with one question that of the seeds; with one of both it
    is not a number. `benchmarks/interval_coverage.py` counts how often it holds the truth.
    """
    values = differences.double()
    seeds, questions = values.shape
    mean = float(values.mean())
    if min(seeds, questions) == 1:
        parts = [(float(values.var()), max(seeds, questions) - 1)] if max(seeds, questions) > 1 else []
    else:
        parts = _mean_squares(values)
    if not parts:
        return mean, math.nan, math.nan
    total = sum(part for part, _ in parts)  # S * Q times the variance of the mean
    if total <= 0:
        return mean, mean, mean
    freedom = total**2 / sum(part**2 / degrees for part, degrees in parts)
    half = student_quantile(max(1.0, freedom)) * math.sqrt(total / (seeds * questions))
    return mean, mean - half, mean + half


def _mean_squares(values: Tensor) -> list[tuple[float, int]]:
    """What adds up to S * Q times the variance of the mean of [S, Q], each with its degrees of freedom.

    The mean squares of seeds and of questions both hold the error's, which is taken off once. One that is smaller than
    the error's says that there is no such effect: the error stands in for it, and is taken off again.
    """
    seeds, questions = values.shape
    of_seeds, of_questions = values.mean(dim=1, keepdim=True), values.mean(dim=0, keepdim=True)  # [S, 1], [1, Q]
    degrees = (seeds - 1) * (questions - 1)
    error = float((values - of_seeds - of_questions + values.mean()).square().sum()) / degrees
    effects = [(questions * float(of_seeds.var()), seeds - 1), (seeds * float(of_questions.var()), questions - 1)]
    found = [effect for effect in effects if effect[0] > error]
    return [*found, (-error, degrees)] if len(found) == 2 else found or [(error, degrees)]


def differences(name: str, mine: Sequence[RunResult], base: Sequence[RunResult], of: str) -> Tensor:
    """A method less the baseline, [S, Q], over the seeds that both have finished.

    Args:
        name: Of the method, for the message.
        mine: The method's results.
        base: The baseline's.
        of: "final" or "curve".

    Raises:
        InputError: They were not asked the same questions.
    """
    partner = {result.seed: result for result in base}
    pairs = [(result, partner[result.seed]) for result in mine if result.seed in partner]
    if any(left.questions != right.questions for left, right in pairs):
        raise InputError(f"{name}: expected the baseline's validation questions, it has others: nothing can be paired.")
    return torch.stack([getattr(left, of) - getattr(right, of) for left, right in pairs])
