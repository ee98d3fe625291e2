"""Corrections for an engine whose probabilities are not quite the trainer's, such as vLLM's in bfloat16."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from p2o.errors import InputError


class EngineCorrection(ABC):
    """A weight for each token, from both log-probs under the prompt that the completion was sampled with.

    `reads_logps`: whether it looks at them, as it does unless it says otherwise; then log π_old(y|x̃) is scored even if
    the context estimator does without.
    """

    reads_logps: bool = True

    @abstractmethod
    def __call__(self, trainer: Tensor, engine: Tensor) -> Tensor:
        """log π_old(y_t|x̃) by the trainer [R, T] and by the engine [R, T] -> weights [R, T], constants."""


class NoCorrection(EngineCorrection):
    """Weight 1: the engine is taken for the trainer."""

    reads_logps = False

    def __call__(self, trainer: Tensor, engine: Tensor) -> Tensor:
        """A weight of one for every token, [R, T]."""
        return torch.ones_like(trainer)


class TruncatedImportance(EngineCorrection):
    """TIS: w = min(π_trainer(y_t) / π_engine(y_t), C) (Yao et al. 2025, fengyao.notion.site/off-policy-rl).

    Args:
        cap: C; 1 only ever lowers a weight.
    """

    reads_logps = True

    def __init__(self, cap: float = 2.0) -> None:
        if cap <= 0:
            raise InputError(f"TruncatedImportance needs cap > 0, got {cap}.")
        self.cap = cap

    def __call__(self, trainer: Tensor, engine: Tensor) -> Tensor:
        """Weights [R, T], at most C."""
        return (trainer - engine).clamp(-20, 20).exp().clamp(max=self.cap).detach()
