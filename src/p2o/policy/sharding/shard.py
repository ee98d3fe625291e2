"""How a policy is cut: which of its modules are sharded, and how they are entered afterwards."""

from functools import partial

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.logprobs.completion import packed_scores
from p2o.logprobs.scoring_path import scoring_path

SCORE = "score_packed"  # the method of a sharded policy that scores packed rows
JUDGE = "judge_scoring_path"  # the method that finds out on which path it is scored


def shard(policy: PreTrainedModel, mesh: DeviceMesh, compute: torch.dtype | None) -> None:
    """Leaves each process its shards: a group for each layer, and one for embedding, last norm and head, maybe tied.

    Args:
        policy: A whole policy, or an outline without values; its shards keep their dtype.
        mesh: With the dimension "data_parallel".
        compute: What weights are gathered in and layers compute in; gradients are reduced in float32.

    Raises:
        InputError: The policy does not say which of its modules are layers.
    """
    precision = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32)
    for module in (*_layers(policy), policy):
        fully_shard(module, mesh=mesh["data_parallel"], mp_policy=precision)
    # Scoring enters the layers beside the root's own forward pass, and must gather the root's parameters as that does.
    setattr(policy, SCORE, partial(packed_scores, policy))
    setattr(policy, JUDGE, partial(scoring_path, policy))
    register_fsdp_forward_method(policy, SCORE)
    register_fsdp_forward_method(policy, JUDGE)


def begin(policy: PreTrainedModel) -> None:
    """The first passes through shards that have their values, which all processes make together.

    torch takes for the root what is entered first, and later that may be something further in. Then the scoring path is
    looked for, in passes that gather a layer at a time.
    """
    with torch.no_grad():
        policy(input_ids=torch.zeros(1, 1, dtype=torch.long, device=policy.device), use_cache=False)
    getattr(policy, JUDGE)()
    policy.reshard()  # the root's own, which torch keeps for a backward pass


def _layers(policy: PreTrainedModel) -> list[nn.Module]:
    names = set(policy._no_split_modules or [])
    layers = [module for module in policy.modules() if type(module).__name__ in names]
    if not layers:
        raise InputError(
            f"trainer.strategy: {type(policy).__name__} does not name the layers that could be sharded "
            "(_no_split_modules). Take ddp."
        )
    return layers
