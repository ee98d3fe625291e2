"""What is estimated from the graded completions of questions: pure functions."""

from collections import Counter
from collections.abc import Sequence
from math import comb

import torch
from torch import Tensor

from p2o.rewards.mathematics.plain import spelling
from p2o.types import Grade, Outcome

RESAMPLES = 2000


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Probability that k of the samples, drawn without replacement, hold a correct one (arXiv 2107.03374, Eq. 1).

    Unbiased, unlike 1 - (1 - correct/samples)^k.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@k needs 1 <= k <= samples, got k = {k} and {samples} samples.")
    return 1 - comb(samples - correct, k) / comb(samples, k)


def majority(grades: Sequence[Grade]) -> float:
    """Whether the most frequent answer is correct; of answers that tie, the share that is. 0 if nobody answers.

    All correct answers are one answer, however they are spelt. Wrong ones are told apart by their spelling.
    """
    right = sum(grade.outcome is Outcome.CORRECT for grade in grades)
    wrong = Counter(
        spelling(grade.extracted) for grade in grades if grade.extracted and grade.outcome is not Outcome.CORRECT
    )
    rivals = list(wrong.values())
    return 1 / (1 + rivals.count(right)) if right and right >= max(rivals, default=0) else 0.0


def bootstrap_interval(values: Tensor, seed: int = 0) -> Tensor:
    """95 % interval of the mean over questions: values [Q] -> low, high [2], by resampling questions."""
    generator = torch.Generator().manual_seed(seed)
    values = values.cpu().double()
    draws = torch.randint(len(values), (RESAMPLES, len(values)), generator=generator)  # [S, Q]
    return values[draws].mean(dim=1).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))


def powers_of_two(samples: int) -> list[int]:
    """1, 2, 4, … up to the number of samples, which is always one of them."""
    return sorted({1 << exponent for exponent in range(samples.bit_length()) if 1 << exponent <= samples} | {samples})
