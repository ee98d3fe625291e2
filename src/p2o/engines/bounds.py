"""How far two computations of the same log-probabilities may be apart, by the precision they were done in."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.logprobs.shards import is_sharded


@dataclass(frozen=True)
class Bound:
    """Of |Δ log π| in nats over some tokens: of its mean, and of the largest.

    Rounding moves all tokens a little and a few unlikely ones more; other weights, positions or masks move the mean.
    """

    mean: float
    largest: float

    def holds(self, differences: Tensor) -> bool:
        """Whether differences [N] are finite and small enough."""
        return bool(differences.mean() <= self.mean) and bool(differences.max() <= self.largest)

    def __str__(self) -> str:
        return f"{self.mean:.3g} nats in the mean and {self.largest:.3g} at most"


# Measured: float32 differs by 1e-6 to 1e-5 between kernels on two layers, growing with depth; faults begin at 0.006 at
# most and 0.0004 in the mean (Nemotron-H's decoding in transformers 5.24).
BOUNDS = {
    torch.float64: Bound(2e-4, 5e-3),
    torch.float32: Bound(2e-4, 5e-3),
    torch.float16: Bound(2e-2, 0.5),
    torch.bfloat16: Bound(0.1, 1.5),
}


def bound_of(policy: PreTrainedModel, temperature: float, *dtypes: torch.dtype) -> Bound:
    """The bound at a temperature of the coarsest of these types and of what the policy computes in.

    Rounding is of logits, which a temperature T below 1 stretches: bounds of half precision are 1/T times as wide.
    Those of float32 leave room for twenty times its rounding, and are so at every T. 0, of greedy completions, means 1.

    What it computes in is the type of its weights, of autocast where it is on, of products for which float32 is
    shortened (`torch.set_float32_matmul_precision`), and bfloat16 in shards, whose layers may gather weights in it.
    """
    device, dtypes = policy.device, (policy.dtype, *dtypes)
    if is_sharded(policy):
        dtypes = (*dtypes, torch.bfloat16)
    if torch.is_autocast_enabled(device.type):
        dtypes = (*dtypes, torch.get_autocast_dtype(device.type))
    if (precision := torch.get_float32_matmul_precision()) != "highest":  # TF32 has float16's digits
        dtypes = (*dtypes, torch.bfloat16 if device.type == "cpu" and precision == "medium" else torch.float16)
    coarsest = max((BOUNDS[dtype] for dtype in dtypes), key=lambda bound: bound.mean)
    if coarsest == BOUNDS[torch.float32]:
        return coarsest
    stretch = 1 / min(1.0, temperature or 1.0)
    return Bound(stretch * coarsest.mean, stretch * coarsest.largest)
