"""The tensors of a checkpoint that is a folder: cut out of it, put together again, or read into shards."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

Content = dict[str, Any]  # of a checkpoint
WEIGHTS, MOMENTS = "state_dict/", "optimizer_states/"  # what names in the folder begin with


def split(content: Content) -> tuple[dict[str, Tensor], Content]:
    """The tensors of a checkpoint that lie in shards, by their name in the folder, and the checkpoint without them.

    A tensor that has several names, as tied weights do, is there once; `tied` says which other names it has.
    """
    sharded: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    tied: dict[str, str] = {}

    def without(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        for name, value in values.items():
            if isinstance(value, DTensor):
                first = names.setdefault(id(value), name)
                if first == name:
                    sharded[f"{prefix}{name}"] = value
                else:
                    tied[name] = first
        return {name: value for name, value in values.items() if not isinstance(value, DTensor)}

    rest = content | {"state_dict": without(content["state_dict"], WEIGHTS), "tied": tied}
    if "optimizer_states" in content:
        rest["optimizer_states"] = [
            state | {"state": {key: without(values, _moments(index, key)) for key, values in state["state"].items()}}
            for index, state in enumerate(content["optimizer_states"])
        ]
    return sharded, rest


def joined(path: Path, rest: Content) -> Content:
    """The checkpoint that `split` has taken apart, its tensors read from the folder when they are used."""
    entries = dict(HuggingFaceStorageReader(str(path)).read_metadata().state_dict_metadata)
    content = rest | {"state_dict": ShardedTensors(path, entries, WEIGHTS, rest["state_dict"], rest["tied"])}
    if "optimizer_states" in rest:
        content["optimizer_states"] = [
            state | {"state": Moments(ShardedTensors(path, entries, f"{MOMENTS}{index}/", {}, {}), state["state"])}
            for index, state in enumerate(rest["optimizer_states"])
        ]
    return content


class ShardedTensors(Mapping[str, Tensor]):
    """Tensors of a folder by name, put together on the CPU when the first of them is asked for.

    Args:
        path: The folder.
        entries: Shape and dtype of all tensors in it.
        prefix: What the names of these begin with in the folder, and not in this mapping.
        others: Tensors that are not in shards.
        tied: Second names, and the first ones.
    """

    def __init__(
        self, path: Path, entries: Mapping[str, Any], prefix: str, others: Mapping[str, Tensor], tied: Mapping[str, str]
    ) -> None:
        self.path, self.prefix, self.others, self.tied = path, prefix, others, tied
        self.entries = {name.removeprefix(prefix): entry for name, entry in entries.items() if name.startswith(prefix)}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each, without reading it."""
        found = {name: tuple(entry.size) for name, entry in self.entries.items()}
        found |= {name: tuple(tensor.shape) for name, tensor in self.others.items()}
        return found | {name: found[first] for name, first in self.tied.items()}

    @cached_property
    def _values(self) -> dict[str, Tensor]:
        found = {name: torch.empty(entry.size, dtype=entry.properties.dtype) for name, entry in self.entries.items()}
        read_shards(self.path, {f"{self.prefix}{name}": tensor for name, tensor in found.items()})
        return found | dict(self.others) | {name: found[first] for name, first in self.tied.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


class Moments(Mapping[int, dict[str, Any]]):
    """What an optimizer keeps of each parameter, by the parameter's number.

    Args:
        tensors: By number and name, as in "3/exp_avg".
        others: What is not in shards, such as the number of steps.
    """

    def __init__(self, tensors: ShardedTensors, others: Mapping[int, Mapping[str, Any]]) -> None:
        self.tensors, self.others = tensors, others

    def __getitem__(self, key: int) -> dict[str, Any]:
        mine = [name for name in self.tensors if name.startswith(f"{key}/")]
        return {**self.others[key], **{name.partition("/")[2]: self.tensors[name] for name in mine}}

    def __iter__(self) -> Iterator[int]:
        return iter(self.others)

    def __len__(self) -> int:
        return len(self.others)


def read_shards(path: Path, tensors: dict[str, Tensor]) -> None:
    """Fills tensors with what a folder of safetensors files has under their names; of shards each process its own.

    Every process reads for itself, so that none waits for one whose disk fails.
    """
    if tensors:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # that is what `no_dist` means
            load(tensors, storage_reader=HuggingFaceStorageReader(str(path)), no_dist=True)


def load_shards(path: Path, content: Content, module: nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Takes over weights and optimizer states into the shards of this process, whoever wrote them.

    Args:
        path: The folder.
        content: What `joined` gives for it.
        module: In shards, with weights of the same names and shapes.
        optimizers: Of its parameters; none if the weights alone are wanted.
    """
    saved = content["state_dict"]
    weights = {name: value for name, value in module.state_dict(keep_vars=True).items() if name in saved.shapes}
    for optimizer in optimizers:
        get_optimizer_state_dict(module, optimizer)  # makes room for the moments
    states = [optimizer.state_dict() for optimizer in optimizers]
    kept = [dict(state["state"]) if saved["state"] else {} for state, saved in _pairs(states, content)]
    sharded, _ = split({"state_dict": weights, "optimizer_states": [{"state": state} for state in kept]})
    read_shards(path, sharded)
    with torch.no_grad():
        for name, value in weights.items():
            if not isinstance(value, DTensor):
                value.copy_(saved[name])
    for optimizer, state, (_, found) in zip(optimizers, kept, _pairs(states, content), strict=True):
        others = found["state"].others
        both = {key: {**values, **others[key]} for key, values in state.items()}
        optimizer.load_state_dict({"state": both, "param_groups": found["param_groups"]})


def _pairs(states: Sequence[Any], content: Content) -> list[tuple[Any, Any]]:
    return list(zip(states, content["optimizer_states"], strict=True)) if states else []


def _moments(index: int, key: int) -> str:
    return f"{MOMENTS}{index}/{key}/"
