"""Aggregation: from the losses of tokens to one number, the same whatever the size of micro-batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from p2o.contracts import shaped
from p2o.errors import InputError
from p2o.objective.regularizers.base import Regularizer
from p2o.objective.rows import TrainingSample


@dataclass(frozen=True)
class Share:
    """A completion's part in the mean L = Σ_i weight_i · Σ_t l_it / Σ_i size_i over a mini-batch."""

    weight: float  # of each of its tokens; 0 leaves the completion out
    size: float  # what it adds to the denominator


class Aggregation(ABC):
    """Says how much the tokens of a completion count, and what they are divided by.

    Shares add up over micro-batches and over processes, so neither changes the result.
    """

    @abstractmethod
    def __call__(self, row: TrainingSample) -> Share:
        """The share of one completion."""

    def problems(self, regularizers: Sequence[Regularizer]) -> Iterator[str]:
        """Why it cannot average losses to which these regularizers add terms."""
        return iter(())


class TokenMean(Aggregation):
    """Every token counts the same: Σ_i Σ_t l_it / Σ_i |y_i| (the paper; DAPO's token-level loss, arXiv 2503.14476)."""

    def __call__(self, row: TrainingSample) -> Share:
        """The row's tokens weigh 1, and it counts by its length |y|."""
        return Share(1.0, float(len(row.completion_ids)))


class SequenceMean(Aggregation):
    """Every completion counts the same: 1/R Σ_i 1/|y_i| Σ_t l_it (GRPO, arXiv 2402.03300, Eq. 3)."""

    def __call__(self, row: TrainingSample) -> Share:
        """The row's tokens weigh 1/|y|, and it counts once."""
        return Share(1 / len(row.completion_ids), 1.0)


class ConstantLength(Aggregation):
    """1/R Σ_i 1/L Σ_t l_it with one L for all: no bias towards short or long completions (Dr.GRPO, arXiv 2503.20783).

    Args:
        length: L, tokens (Dr.GRPO: the longest completion allowed, `model.max_completion_length`).
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise InputError(f"ConstantLength needs length >= 1, got {length}.")
        self.length = length

    def __call__(self, row: TrainingSample) -> Share:
        """The row's tokens weigh 1/L, and it counts once."""
        return Share(1 / self.length, 1.0)


class WithoutTruncated(Aggregation):
    """DAPO's overlong filtering (arXiv 2503.14476, §3.4): truncated completions leave the loss, numerator and all.

    Their rewards still count in the advantages of their group.

    Args:
        of: How the others are averaged.
    """

    def __init__(self, of: Aggregation) -> None:
        self.of = of

    def __call__(self, row: TrainingSample) -> Share:
        """Nothing for a truncated completion."""
        return Share(0.0, 0.0) if row.truncated else self.of(row)

    def problems(self, regularizers: Sequence[Regularizer]) -> Iterator[str]:
        """Those of what averages the others."""
        return self.of.problems(regularizers)


class OnlySignal(Aggregation):
    """Completions without advantage leave the denominator too: the mean is over those that teach something.

    Args:
        of: How the others are averaged.
    """

    def __init__(self, of: Aggregation) -> None:
        self.of = of

    def __call__(self, row: TrainingSample) -> Share:
        """Nothing for a completion with A = 0."""
        return Share(0.0, 0.0) if row.advantage == 0 else self.of(row)

    def problems(self, regularizers: Sequence[Regularizer]) -> Iterator[str]:
        """Any regularizer: it has a gradient on completions without advantage too, which would be lost."""
        if regularizers:
            names = ", ".join(type(regularizer).__name__ for regularizer in regularizers)
            yield (
                f"model.aggregation: OnlySignal leaves out completions without advantage, on which {names} has its "
                f"gradient too. Take {type(self.of).__name__} alone, or no regularizer."
            )
        yield from self.of.problems(regularizers)


def per_token(part: object, came: object, logps: Tensor) -> Tensor:
    """What a part makes of log-probs [R, T], as a tensor that is to be averaged.

    Raises:
        InputError: It has another shape: a mean, such as the losses of torch give, would be weighed as every token's.
    """
    return shaped(part, came, logps, "a number for each token [R, T]", "The mean is taken by model.aggregation.")


def weighted_sum(losses: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
    """Σ over completion tokens of weight · loss: losses [R, T], weights [R, 1], mask [R, T] -> []."""
    return torch.where(mask, losses * weights, torch.zeros_like(losses)).sum()
