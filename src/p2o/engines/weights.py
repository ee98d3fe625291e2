"""The weights of a policy on their way to an engine that keeps a copy: one at a time, and only if they changed."""

import weakref
from collections.abc import Iterator

from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel


def full_tensors(policy: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Name and whole value of each parameter, in the order of the model.

    A parameter that FSDP2 has sharded is gathered when its turn comes, so that no more than one is whole at a time; all
    processes must take part. Parameters that are tied come once.
    """
    for name, parameter in policy.named_parameters():
        value = parameter.detach()
        yield name, value.full_tensor() if isinstance(value, DTensor) else value


class SeenWeights:
    """Remembers which weights were seen, without a copy: the parameters themselves and their version counters.

    PyTorch raises a tensor's `_version` with every in-place operation on it (autograd relies on that): optimizer steps,
    fused ones included, and `load_state_dict`. Parameters are compared by identity, through weak references, so a new
    model at an old address is another one. What is not noticed is writing through `.data`; nothing in p2o does.
    """

    def __init__(self, policy: PreTrainedModel) -> None:
        self._seen = [(weakref.ref(parameter), parameter._version) for parameter in policy.parameters()]

    def unchanged(self, policy: PreTrainedModel) -> bool:
        """Whether the policy's weights are those that were seen."""
        now = [(parameter, parameter._version) for parameter in policy.parameters()]
        seen = [(reference(), version) for reference, version in self._seen]
        return len(now) == len(seen) and all(a is b and v == w for (a, v), (b, w) in zip(now, seen, strict=True))
