"""A policy whose parameters lie in shards on several processes (FSDP2): when each process holds it whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn
from torch.distributed.fsdp import FSDPModule

from p2o.distributed.preemption import uninterrupted

_entered: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()  # how many times `whole` is entered at present


def is_sharded(policy: nn.Module) -> bool:
    """Whether the policy's parameters lie in shards."""
    return isinstance(policy, FSDPModule)


@contextmanager
def whole(policy: nn.Module) -> Iterator[None]:
    """Within, each process holds all weights, so that passes without gradient need no other process.

    All processes must enter and leave the outermost one together; what lies within is free. A policy that is not
    sharded is whole anyway.
    """
    depth = _entered.get(policy, 0)
    parts = [module for module in policy.modules() if isinstance(module, FSDPModule)] if depth == 0 else []
    with uninterrupted():
        for part in parts:
            part.set_reshard_after_forward(False, recurse=False)
            part.unshard()
    _entered[policy] = depth + 1
    try:
        yield
    finally:
        _entered[policy] = depth
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(part is not policy, recurse=False)
