"""Checkpoints of `p2o fit`: what they hold of the module, and how they are read."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from transformers import PreTrainedModel

from p2o.distributed.unions import summed
from p2o.errors import InputError
from p2o.logprobs.adapters import adapter_layers
from p2o.rollouts.counts import RolloutCounts

AnyModule = Any  # a PolicyModule, which imports this module
PREFIX = "policy."  # of the policy's weights in the checkpoint of a PolicyModule

# What torch.load raises on a file that was cut off (the first two), and on one with damaged bytes in its pickle.
_UNREADABLE = (
    RuntimeError,
    OSError,
    EOFError,
    pickle.UnpicklingError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of `p2o fit`, its tensors on the CPU and read from the file when they are used.

    Raises:
        InputError: There is no such file, it was cut off or damaged, or something else than p2o wrote it.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a checkpoint, there is {'a folder' if path.is_dir() else 'no such file'}.")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: expected a checkpoint of p2o fit, this file cannot be read as one. It is cut off, damaged or "
            f"something else; take an earlier checkpoint. torch says: {type(error).__name__}: {reason}"
        ) from error
    match checkpoint:
        case {"state_dict": {}, "p2o": {"model": str(), "config": {}}}:
            return dict(checkpoint)
    raise InputError(f"{path}: expected a checkpoint of p2o fit, another program has written this file.")


def keep_trained(checkpoint: dict[str, Any], policy: PreTrainedModel) -> None:
    """Takes the weights that are frozen beside adapters out of a checkpoint: they are those of the model."""
    if adapter_layers(policy):
        kept = {f"{PREFIX}{name}" for name, parameter in policy.named_parameters() if parameter.requires_grad}
        checkpoint["state_dict"] = {name: value for name, value in checkpoint["state_dict"].items() if name in kept}


def check_weights(checkpoint: Mapping[str, Any], model: str, state: Mapping[str, Tensor]) -> None:
    """Refuses weights that are not those of `model`, whose own are `state`.

    Raises:
        InputError: Names the first tensor that differs in shape.
    """
    adapters = any(".lora_" in name for name in state)
    expected = {name: tuple(tensor.shape) for name, tensor in state.items() if not adapters or ".lora_" in name}
    found = {name: tuple(tensor.shape) for name, tensor in checkpoint["state_dict"].items()}
    if expected != found:
        odd = min(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise InputError(
            f"The checkpoint belongs to another config: model.model is {model!r}, it was made from "
            f"{checkpoint['p2o']['model']!r}. The first difference is {odd}: expected shape {expected.get(odd)}, "
            f"found {found.get(odd)}."
        )


class Stateful(Protocol):
    """A part whose state is in the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """Plain types."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described."""


def load_part(name: str, part: Stateful, state: dict[str, Any]) -> None:
    """Gives the part that the config names `name` its state.

    Raises:
        InputError: It is the state of another part.
    """
    if state.keys() != part.state_dict().keys():
        raise InputError(
            f"The checkpoint belongs to another config: {name} is {type(part).__name__}, and the checkpoint has "
            f"another one's state ({', '.join(state) or 'none'}). Resume with the config.yaml of that run."
        )
    part.load_state_dict(state)


def policy_state(module: AnyModule, parts: Mapping[str, Stateful], counts: RolloutCounts) -> dict[str, Any]:
    """What a checkpoint holds of the module besides its weights, in plain types; every process asks for it.

    Args:
        module: With the name of the model, the policy, whose config `p2o export` needs, and its adapters.
        parts: Parts with a state, by their name in the section `model`.
        counts: Of this process; those of all are kept.
    """
    totals = {name: summed(by_phase) for name, by_phase in counts.state_dict().items()}
    states = {name: part.state_dict() for name, part in parts.items()}
    model, policy, adapters = module.model, module.policy, module.adapters
    return {"model": model, "config": policy.config.to_dict(), "adapters": adapters.plain(), **states, **totals}


def restore_policy_state(
    checkpoint: Mapping[str, Any], module: AnyModule, parts: Mapping[str, Stateful], counts: RolloutCounts
) -> None:
    """Takes over counts and states from a checkpoint; to evaluate one takes its weights alone.

    Raises:
        InputError: The checkpoint holds another model, or the state of another part.
    """
    state = checkpoint["p2o"]
    if "state_dict" in checkpoint:  # a strategy that shards has loaded the weights itself
        check_weights(checkpoint, str(module.model), module.state_dict())
    if state["adapters"] != module.adapters.plain():
        raise InputError(
            f"The checkpoint belongs to another config: it has the adapters {state['adapters'] or 'none'}, "
            f"model.adapters are {module.adapters.plain() or 'none'}. Resume with the config.yaml of that run."
        )
    if module.trainer.is_global_zero:  # they are those of all processes: one goes on counting from there
        counts.load_state_dict(state)
    if module.trainer.state.fn is TrainerFn.FITTING:
        for name, part in parts.items():
            load_part(f"model.{name}", part, state[name])
