"""What a checkpoint holds of the module besides its weights, and how a module takes it over."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from lightning.pytorch.trainer.states import TrainerFn
from transformers import PreTrainedModel

import p2o
from p2o.errors import InputError
from p2o.logprobs.adapters import adapter_layers
from p2o.policy.checkpoints.reading import FORMAT, check_weights
from p2o.rollouts.counts import RolloutCounts, total_counts

AnyModule = Any  # a PolicyModule, which imports this module
PREFIX = "policy."  # of the policy's weights in the checkpoint of a PolicyModule


def keep_trained(checkpoint: dict[str, Any], policy: PreTrainedModel) -> None:
    """Takes the weights that are frozen beside adapters out of a checkpoint: they are those of the model."""
    if adapter_layers(policy):
        kept = {f"{PREFIX}{name}" for name, parameter in policy.named_parameters() if parameter.requires_grad}
        checkpoint["state_dict"] = {name: value for name, value in checkpoint["state_dict"].items() if name in kept}


class Stateful(Protocol):
    """A part whose state is in the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on with, in plain types."""

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
        module: With the name of the model, the policy, whose config `p2o export` needs, its adapters and its prompts.
        parts: Parts with a state, by their name in the section `model`.
        counts: Of this process; those of all are kept.
    """
    totals = total_counts(counts.state_dict())
    states = {name: part.state_dict() for name, part in parts.items()}
    release = {"format": FORMAT, "version": p2o.__version__}
    model, policy, adapters = module.model, module.policy, module.adapters
    config = json.loads(json.dumps(policy.config.to_dict(), default=str))  # it may hold enums and dtypes
    made_of = {"model": model, "config": config, "adapters": adapters.plain()}
    prompts = {"instruction": module.instruction, "chat_template_kwargs": module.chat_template_kwargs or {}}
    return {**release, **made_of, "prompts": prompts, **states, **totals}


def restore_policy_state(
    checkpoint: Mapping[str, Any], module: AnyModule, parts: Mapping[str, Stateful], counts: RolloutCounts
) -> None:
    """Takes over counts and states from a checkpoint; to evaluate one takes its weights alone.

    Raises:
        InputError: The checkpoint holds another model, or the state of another part.
    """
    state = checkpoint["p2o"]
    if "state_dict" in checkpoint:  # a strategy that shards has checked and loaded the weights itself
        check_belongs(checkpoint, module)
    if module.trainer.is_global_zero:  # they are those of all processes: one goes on counting from there
        counts.load_state_dict(state)
    if module.trainer.state.fn is TrainerFn.FITTING:
        for name, part in parts.items():
            load_part(f"model.{name}", part, state.get(name, {}))


def check_belongs(checkpoint: Mapping[str, Any], module: AnyModule) -> None:
    """Refuses a checkpoint whose weights are not those of a PolicyModule.

    Raises:
        InputError: It has other adapters, or is of another model.
    """
    found, expected = checkpoint["p2o"]["adapters"], module.adapters.plain()
    if found != expected:
        raise InputError(
            f"The checkpoint belongs to another config: it has the adapters {found or 'none'}, model.adapters are "
            f"{expected or 'none'}. Take the config.yaml of that run."
        )
    check_weights(checkpoint, str(module.model), module.state_dict())


def counts_of(module: AnyModule) -> RolloutCounts:
    """What a PolicyModule has sampled."""
    counts = module.counts
    assert isinstance(counts, RolloutCounts)
    return counts
