"""The weights of a policy on their way to an engine that keeps a copy: one at a time, and only if they changed."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from p2o.distributed.processes import gather
from p2o.logprobs.adapters import adapters_are_on, merged_parameters


def full_tensors(policy: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Yields name and whole value of each parameter, in the order of the model.

    A parameter that FSDP2 has sharded is gathered when its turn comes, so that no more than one is whole at a time; all
    processes must take part. Parameters that are tied come once. Adapters are merged into what they stand beside.
    """
    for name, value in merged_parameters(policy):
        yield name, value.full_tensor() if isinstance(value, DTensor) else value


@torch.no_grad()
def weights_fingerprint(policy: PreTrainedModel) -> tuple[float, ...]:
    """Sum and norm of each parameter in float64, and which adapters are on: other weights have others.

    Reads the weights once, which costs less than a transfer. Their version counters would cost nothing, but the fused
    AdamW of torch 2.13 leaves them as they are, and so does writing through `.data`. If FSDP2 has sharded the policy,
    all processes must take part, and get the same answer.
    """
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
