"""What a regularizer is: a term of the loss of a token."""

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor

from p2o.objective.rows import TrainingSample

Weights = Literal["current", "initial", "average"]


class Regularizer(ABC):
    """A term of the loss of each token, taken under the prompt of the gradient.

    With a regularizer, rollouts without signal have a gradient and are kept in the pass.

    `reads_reference`, `reads_entropies`: what it looks at, so that nothing is computed for nothing; both, unless it
    says otherwise.
    `guided`: whether its reference sees the guide of a bare rollout, the template that the question carries; the term
    is then taken for such rollouts alone.
    `weights`: of its reference: those of the present policy, of the one before training, or their moving average, which
    keeps `decay` of itself at each optimizer step.
    """

    reads_reference: bool = True
    reads_entropies: bool = True
    guided: bool = False
    weights: Weights = "initial"
    decay: float = 0.0

    @property
    def averages(self) -> bool:
        """Whether it compares with the moving average of the policy."""
        return self.reads_reference and self.weights == "average"

    def acts_on(self, row: TrainingSample) -> bool:
        """Whether a completion has such a term."""
        return not self.guided or bool(row.guide_ids)

    @abstractmethod
    def __call__(self, logps: Tensor, reference: Tensor, entropies: Tensor) -> Tensor:
        """Terms [R, T] from log π_θ(y_t), log π_ref(y_t) and the entropy of π_θ at each token (nats), all [R, T].

        What the regularizer does not read may hold anything.
        """
