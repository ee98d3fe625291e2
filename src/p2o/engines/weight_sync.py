"""The weights of a policy on their way to an engine that keeps a copy: one at a time, and only if they changed."""

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from p2o.distributed.processes import gather
from p2o.io.stored_tensors import StoredTensors
from p2o.logprobs.adapters import adapters_are_on, merged_parameters

_stored: WeakKeyDictionary[nn.Module, tuple[StoredTensors, torch.dtype]] = WeakKeyDictionary()


def take_from_files(outline: PreTrainedModel, tensors: StoredTensors, dtype: torch.dtype) -> None:
    """Lets engines that keep a copy sample from a policy without values: `full_tensors` reads them from files.

    Args:
        outline: The policy, its parameters on the device "meta".
        tensors: Its parameters by the outline's names.
        dtype: What the policy keeps them in.
    """
    _stored[outline] = tensors, dtype


def full_tensors(policy: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Yields name and whole value of each parameter, in the order of the model.

    A parameter that FSDP2 has sharded is gathered when its turn comes, so that no more than one is whole at a time; all
    processes must take part. Parameters that are tied come once. Adapters are merged into what they stand beside. Those
    of a policy that lies in files are read when their turn comes, by this process alone.
    """
    if policy in _stored:
        tensors, dtype = _stored[policy]
        yield from ((name, tensors[name].to(dtype)) for name, _ in policy.named_parameters())
        return
    for name, value in merged_parameters(policy):
        yield name, value.full_tensor() if isinstance(value, DTensor) else value


@torch.no_grad()
def weights_fingerprint(policy: PreTrainedModel) -> tuple[float, ...]:
    """Sum and norm of each parameter in float64, and which adapters are on: other weights have others.

    Reads the weights once, which costs less than a transfer. Their version counters would cost nothing, but the fused
    AdamW of torch 2.13 leaves them as they are, and so does writing through `.data`. If FSDP2 has sharded the policy,
    all processes must take part, and get the same answer. Of a policy in files, the files decide and are not read.
    """
    if policy in _stored:
        return (_stored[policy][0].fingerprint(),)
    values = [parameter.detach() for parameter in policy.parameters()]
    shards = [value.to_local() if isinstance(value, DTensor) else value for value in values]
    sums = [shard.sum(dtype=torch.float64) for shard in shards]
    norms = [torch.linalg.vector_norm(shard, dtype=torch.float64) for shard in shards]
    switches = torch.tensor([float(on) for on in adapters_are_on(policy)], dtype=torch.float64, device=sums[0].device)
    digest = torch.cat([torch.stack([*sums, *norms]), switches])  # [2P + L]
    if not any(isinstance(value, DTensor) for value in values):
        return tuple(digest.tolist())
    everyone = [torch.empty_like(digest) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(everyone, digest)
    return tuple(torch.cat(everyone).tolist())


def must_transfer(policy: PreTrainedModel, changed: bool) -> bool:
    """Whether an engine must be given the policy's weights, whose own copy has `changed`.

    Gathering shards takes all processes, so that one engine that is out of date makes all of them transfer; after a
    reflection it is the first process's alone.
    """
    sharded = any(isinstance(parameter.detach(), DTensor) for parameter in policy.parameters())
    return any(gather(changed)) if sharded else changed


def without_autocast(policy: PreTrainedModel) -> torch.autocast:
    """Keeps the trainer's mixed precision from what an engine does with a policy; one in files has no device."""
    device = (torch.accelerator.current_accelerator() or torch.device("cpu")) if policy in _stored else policy.device
    return torch.autocast(device.type, enabled=False)
