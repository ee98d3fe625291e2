"""What a checkpoint holds of the module besides its weights, and how a module takes it over."""

import json
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.trainer.states import TrainerFn
from transformers import PreTrainedModel

import p2o
from p2o.errors import InputError
from p2o.io.part_states import Stateful, class_path, part_states, restore_parts
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


def load_part(name: str, part: Stateful, state: dict[str, Any], wrote: str | None = None) -> None:
    """Gives the part that the config names `name` its state.

    Args:
        name: In messages.
        part: The part.
        state: What is in the checkpoint.
        wrote: The class that described it; None: it kept nothing, or an earlier release does not say.

    Raises:
        InputError: It is the state of another part.
    """
    if wrote != class_path(part) and state.keys() != part.state_dict().keys():
        whose = f"{wrote}: " if wrote else ""
        raise InputError(
            f"The checkpoint belongs to another config: {name} is {type(part).__name__}, and the checkpoint has "
            f"another one's state ({whose}{', '.join(map(str, state)) or 'none'}). Resume with the config.yaml of that "
            "run."
        )
    part.load_state_dict(state)


def parts_of(module: AnyModule) -> dict[str, object]:
    """The other parts of a module, by their names in a config: of one's own they may have a state."""
    objective = module.update.objective
    parts = {name: getattr(module, name) for name in ("engine", "reward", "advantage")}
    parts |= {name: getattr(objective, name) for name in ("context", "loss", "aggregation", "correction")}
    parts |= {f"regularizers[{number}]": part for number, part in enumerate(objective.regularizers)}
    return {f"model.{name}": part for name, part in parts.items()}


def policy_state(module: AnyModule, parts: Mapping[str, Stateful], counts: RolloutCounts) -> dict[str, Any]:
    """What a checkpoint holds of the module besides its weights, in plain types; every process asks for it.

    Args:
        module: With the name of the model, the policy, whose config `p2o export` needs, its adapters and its prompts.
        parts: Parts with a state, by their name in the section `model`.
        counts: Of this process; those of all are kept.
    """
    totals = total_counts(counts.state_dict())
    states = {name: part.state_dict() for name, part in parts.items()}
    classes = {name: class_path(parts[name]) for name, state in states.items() if state}
    others = part_states(parts_of(module))
    kept = {name: found for name, found in (("classes", classes), ("parts", others)) if found}
    release = {"format": FORMAT, "version": p2o.__version__}
    model, policy, adapters = module.model, module.policy, module.adapters
    config = json.loads(json.dumps(policy.config.to_dict(), default=str))  # it may hold enums and dtypes
    made_of = {"model": model, "config": config, "adapters": adapters.plain()}
    prompts = {"instruction": module.instruction, "chat_template_kwargs": module.chat_template_kwargs or {}}
    return {**release, **made_of, "prompts": prompts, **states, **kept, **totals}


def restore_policy_state(
    checkpoint: Mapping[str, Any], module: AnyModule, parts: Mapping[str, Stateful], counts: RolloutCounts
) -> None:
    """Takes over counts and states from a checkpoint; to evaluate one takes its weights alone.

    Raises:
        InputError: The checkpoint holds another model, or the state of another part.
    """
    state = checkpoint["p2o"]
    if "state_dict" in checkpoint:  # a strategy that shards has checked and loaded the weights itself
        for name in [name for name in checkpoint["state_dict"] if not name.startswith(PREFIX)]:
            del checkpoint["state_dict"][name]  # 0.1.0 kept those of a reward that is a torch module
        check_belongs(checkpoint, module)
    if module.trainer.is_global_zero:  # they are those of all processes: one goes on counting from there
        counts.load_state_dict(state)
    if module.trainer.state.fn is TrainerFn.FITTING:
        for name, part in parts.items():
            load_part(f"model.{name}", part, state.get(name, {}), state.get("classes", {}).get(name))
        restore_parts(parts_of(module), state.get("parts", {}))


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
