"""Loads a policy to where a run has it: whole on the device of each process, or in shards."""

from pathlib import Path

import torch
from lightning import LightningModule
from lightning.pytorch.utilities import rank_zero_info
from transformers import PreTrainedModel

from p2o.engines.weight_sync import take_from_files
from p2o.io.stored_tensors import StoredTensors
from p2o.policy.adapters import Adapters, NoAdapters
from p2o.policy.loading import load_policy, locate, outline_policy
from p2o.policy.sharding.reading import WEIGHTS, read_into, weight_folder
from p2o.policy.sharding.shard import begin, shard


def load_placed(
    module: LightningModule,
    name: str,
    gradient_checkpointing: bool = False,
    adapters: Adapters = NoAdapters(),
    longest: int = 0,
) -> PreTrainedModel:
    """`load_policy` to the device of this process, in shards if the run's strategy keeps it so.

    Shards are read from the files of the model one by one, so that no process ever holds the whole policy.

    Args:
        module: Whose Trainer has the strategy; all processes must call this together.
        name: As for `load_policy`, like those that follow.
        gradient_checkpointing: See there.
        adapters: See there.
        longest: See there.
    """
    device, options = module.trainer.strategy.root_device, (gradient_checkpointing, adapters, longest)
    mesh = module.device_mesh
    if mesh is None:
        return load_policy(name, *options).to(device)
    compute = torch.bfloat16 if str(module.trainer.precision).startswith("bf16") else None
    policy = outline_policy(name, *options)
    folder = weight_folder(locate(name), policy)
    if folder is None:
        rank_zero_info(
            f"{name}: its files have other weights than the model that is trained: each process loads all of them."
        )
        policy = load_policy(name, *options)
        shard(policy, mesh, compute)
        policy.to(device)
    else:
        shard(policy, mesh, compute)
        _fill(policy, folder, adapters, device)
    begin(policy)
    return policy


def outline_in_files(name: str, adapters: Adapters = NoAdapters(), longest: int = 0) -> PreTrainedModel | None:
    """The policy before training without values: engines that keep a copy read them from the model's files.

    None if the files have other weights than the model that is trained.

    Args:
        name: As for `load_policy`, like `longest`.
        adapters: Beside which the run keeps the policy; the outline has none.
        longest: See there.

    Raises:
        InputError: A file is damaged.
    """
    outline = outline_policy(name, longest=longest)
    folder = weight_folder(locate(name), outline)
    if folder is None:
        return None
    take_from_files(outline, StoredTensors(sorted(folder.glob(WEIGHTS))), adapters.dtype)
    return outline


def _fill(policy: PreTrainedModel, folder: Path, adapters: Adapters, device: torch.device) -> None:
    """Room on the device for the shards of an outline, and their values."""
    kept = {name: buffer.clone() for name, buffer in policy.named_buffers()}
    policy.to_empty(device=device)
    for name, buffer in policy.named_buffers():
        buffer.copy_(kept[name])
    read_into(policy, folder)
    adapters.fill(policy)
