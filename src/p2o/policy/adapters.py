"""Adapters: what of the policy is trained, where not all of it is."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.seeds import derive_seed


class Adapters(ABC):
    """Changes a loaded policy so that the right parameters are trained.

    `dtype` is what the weights of the loaded policy are kept in.
    """

    dtype: torch.dtype = torch.float32

    @abstractmethod
    def __call__(self, policy: PreTrainedModel) -> None:
        """Changes the policy in place."""

    def fill(self, policy: PreTrainedModel) -> None:  # noqa: B027 (most add nothing)
        """Gives what was added to the policy its first values, the same however the policy is loaded."""

    def plain(self) -> dict[str, Any]:
        """What a checkpoint must say of the adapters, so that others are refused and `p2o export` can merge them."""
        return {}


class NoAdapters(Adapters):
    """All parameters are trained, in float32: AdamW at a learning rate of 1e-6 does nothing to bfloat16 weights."""

    def __call__(self, policy: PreTrainedModel) -> None:
        """Leaves the policy as it is."""


class LoRA(Adapters):
    """Low-rank adapters by peft beside frozen weights (arXiv 2106.09685); the policy before training is "adapters off".

    Engines get the merged weights under the base's names, checkpoints hold the adapters alone.

    Args:
        rank: r, of the two matrices beside each target.
        alpha: Their product is multiplied by alpha / rank.
        targets: Ends of the names of modules that get adapters, such as `q_proj`; "all-linear": all but the head.
        dropout: Of the adapters' input. Rollouts know none, so above 0 the update compares with another policy.
        base_dtype: What the frozen weights are kept in; adapters are float32.
    """

    def __init__(
        self,
        rank: int = 16,
        alpha: int = 32,
        targets: Literal["all-linear"] | Sequence[str] = "all-linear",
        dropout: float = 0.0,
        base_dtype: Literal["bfloat16", "float32"] = "bfloat16",
    ) -> None:
        if rank < 1 or alpha <= 0 or not 0 <= dropout < 1:
            raise InputError(
                f"LoRA needs rank >= 1, alpha > 0 and dropout from 0 to below 1, got {rank}, {alpha} and {dropout}."
            )
        self.rank = rank
        self.alpha = alpha
        self.targets = targets
        self.dropout = dropout
        self.dtype = getattr(torch, base_dtype)

    def __call__(self, policy: PreTrainedModel) -> None:
        """Freezes the policy, and puts adapters that change nothing yet beside its targets.

        Raises:
            InputError: There is no such module, or the rank does not fit into it.
        """
        from peft import LoraConfig, inject_adapter_in_model

        names = self._target_names(policy)
        config = LoraConfig(r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout, target_modules=names)
        inject_adapter_in_model(config, policy)
        for name, parameter in policy.named_parameters():
            if parameter.requires_grad != (".lora_" in name):
                raise InputError(f"LoRA: expected adapters alone to be trained, {name} is not as it should be.")
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if not next(policy.parameters()).is_meta:
            self.fill(policy)

    @torch.no_grad()
    def fill(self, policy: PreTrainedModel) -> None:
        """A as nn.Linear draws its weights, by the run's seed and A's name; B is 0."""
        for name, parameter in policy.named_parameters():
            if ".lora_" not in name:
                continue
            values = torch.zeros(parameter.shape, device="cpu")  # as the generator, wherever torch makes tensors
            if ".lora_A." in name:
                generator = torch.Generator().manual_seed(derive_seed(torch.initial_seed(), name))
                nn.init.kaiming_uniform_(values, a=math.sqrt(5), generator=generator)
            values = values.to(parameter.device)
            if isinstance(parameter, DTensor):  # every process has drawn the same, and keeps its part
                place = parameter.device_mesh, parameter.placements
                values = distribute_tensor(values, *place, src_data_rank=None)
            parameter.copy_(values)

    def plain(self) -> dict[str, Any]:
        """The arguments that decide what the adapters' weights mean."""
        targets = self.targets if isinstance(self.targets, str) else list(self.targets)
        return {"rank": self.rank, "alpha": self.alpha, "targets": targets}

    def short_names(self, policy: PreTrainedModel) -> list[str]:
        """The targets in a policy, by the last parts of their names where these mean no other module."""
        names = self._target_names(policy)
        ends = sorted({name.rpartition(".")[2] for name in names})
        meant = [name for name, _ in policy.named_modules() if name.rpartition(".")[2] in ends]
        return ends if sorted(meant) == sorted(names) else names

    def _target_names(self, policy: PreTrainedModel) -> list[str]:
        linear = {name: module for name, module in policy.named_modules() if isinstance(module, nn.Linear)}
        inner = {name: module for name, module in linear.items() if module is not policy.get_output_embeddings()}
        ends = [""] if isinstance(self.targets, str) else list(self.targets)
        for end in ends:
            if not any(name.endswith(end) for name in inner):
                known = sorted({name.rsplit(".", 1)[-1] for name in inner})
                raise InputError(f"LoRA.targets: expected ends of {', '.join(known)}, got {end!r}.")
        names = [name for name in inner if any(name.endswith(end) for end in ends)]
        smallest = min(min(inner[name].weight.shape) for name in names)
        if self.rank > smallest:
            raise InputError(f"LoRA.rank: expected at most {smallest}, the smallest side of a target, got {self.rank}.")
        return names
