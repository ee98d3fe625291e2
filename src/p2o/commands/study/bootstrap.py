"""How sure a difference between two methods is."""

from collections.abc import Sequence

import torch
from torch import Tensor

from p2o.commands.study.results import RunResult
from p2o.errors import InputError

RESAMPLES = 10_000


def paired_bootstrap(differences: Tensor, seed: int = 0) -> tuple[float, float, float]:
    """Mean of paired differences [S, Q] and its 95 % percentile interval.

    Every seed answers the same questions, so seeds and questions are crossed: both are drawn anew, each with
    replacement and apart from the other (the pigeonhole bootstrap of Owen, 2007, arXiv 0712.1111, which errs towards
    wide intervals). Drawing question-seed pairs as if they were independent would take one training run for Q of them.
    With one seed the interval is that of the questions alone. With few seeds S their part of the variance comes out
    too small, by a factor of about (S - 1) / S: with three, look at the spread over seeds as well.
    """
    seeds, questions = differences.shape
    generator = torch.Generator().manual_seed(seed)
    rows = _counts(seeds, generator)  # [R, S]
    columns = _counts(questions, generator)  # [R, Q]
    means = ((rows @ differences.double()) * columns).sum(dim=1) / (seeds * questions)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return float(differences.double().mean()), low, high


def _counts(size: int, generator: torch.Generator) -> Tensor:
    """How often each of `size` things is drawn, [R, size]."""
    draws = torch.randint(size, (RESAMPLES, size), generator=generator)
    return torch.zeros(RESAMPLES, size, dtype=torch.float64).scatter_add_(
        1, draws, torch.ones_like(draws, dtype=torch.float64)
    )


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
