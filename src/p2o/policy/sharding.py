"""FSDP2: the policy's parameters, gradients and moments in shards, one on each process."""

from datetime import timedelta
from functools import partial

import torch
from lightning import LightningModule
from lightning.pytorch.strategies import (
    DDPStrategy,
    ModelParallelStrategy,
    SingleDeviceStrategy,
    Strategy,
    StrategyRegistry,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.logprobs.completion import packed_scores
from p2o.logprobs.scoring_path import scoring_path

SCORE = "score_packed"  # the method of a sharded policy that scores packed rows


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2 over all processes of a run: `trainer.strategy: sharded`.

    Args:
        process_group_backend: Of torch.distributed; nccl on GPUs and gloo on CPUs if it is not given.
        timeout_minutes: Until a process that waits for another gives up.
    """

    def __init__(
        self,
        process_group_backend: str | None = None,
        timeout_minutes: float = 120.0,
    ) -> None:
        super().__init__(
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,  # a folder of shards can be neither replaced at once nor checked
            process_group_backend=process_group_backend,
            timeout=timedelta(minutes=timeout_minutes),
        )

    def setup_environment(self) -> None:
        """All processes are of one data-parallel group; Lightning would take one process a node."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()


StrategyRegistry.register("sharded", ShardedStrategy, description="FSDP2 over all processes (p2o)")


def check_strategy(strategy: Strategy) -> None:
    """Refuses strategies that would train something else than they say.

    Raises:
        InputError: The strategy shards or offloads in a way that p2o does not know.
    """
    known = isinstance(strategy, (SingleDeviceStrategy, DDPStrategy, ModelParallelStrategy))
    if not known or (isinstance(strategy, ModelParallelStrategy) and strategy._tensor_parallel_size not in (1, "auto")):
        raise InputError(
            f"trainer.strategy: expected auto, ddp or sharded (FSDP2 over all processes), got {type(strategy).__name__}"
            ". Tensor parallelism, FSDP1 and DeepSpeed are not supported in training."
        )


def shard(policy: PreTrainedModel, mesh: DeviceMesh, compute: torch.dtype | None) -> None:
    """Leaves each process its shards: a group for each layer, and one for embedding, last norm and head, maybe tied.

    Args:
        policy: A whole policy; its shards keep their dtype.
        mesh: Of the dimensions "data_parallel" and "tensor_parallel".
        compute: What weights are gathered in and layers compute in; gradients are reduced in float32.

    Raises:
        InputError: The policy does not say which of its modules are layers, or the mesh asks for tensor parallelism.
    """
    if mesh["tensor_parallel"].size() > 1:
        raise InputError(
            f"trainer.strategy: expected sharding over all processes, got tensor parallelism over "
            f"{mesh['tensor_parallel'].size()}. Take `strategy: sharded`, or tensor_parallel_size: 1."
        )
    names = set(policy._no_split_modules or [])
    layers = [module for module in policy.modules() if type(module).__name__ in names]
    if not layers:
        raise InputError(
            f"trainer.strategy: {type(policy).__name__} does not name the layers that could be sharded "
            "(_no_split_modules). Take ddp."
        )
    scoring_path(policy)  # the verdict, while every process can ask the whole policy alone
    precision = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32)
    for module in (*layers, policy):
        fully_shard(module, mesh=mesh["data_parallel"], mp_policy=precision)
    # Scoring enters the layers beside the root's own forward pass, and must gather the root's parameters as that does.
    setattr(policy, SCORE, partial(packed_scores, policy))
    register_fsdp_forward_method(policy, SCORE)
    with torch.no_grad():  # torch names the root at the first forward pass, which later may begin further in
        policy(input_ids=torch.zeros(1, 1, dtype=torch.long, device=policy.device), use_cache=False)


def placed(policy: PreTrainedModel, module: LightningModule) -> PreTrainedModel:
    """The policy on this process's device, in shards if the run's strategy keeps it so."""
    trainer = module.trainer
    policy.to(trainer.strategy.root_device)
    if module.device_mesh is not None:
        compute = torch.bfloat16 if str(trainer.precision).startswith("bf16") else None
        shard(policy, module.device_mesh, compute)
    return policy
