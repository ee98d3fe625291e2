"""Low-rank adapters within a policy: whether there are any, how they are switched off, and what they add."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def adapter_layers(policy: nn.Module) -> list[Any]:
    """The layers that peft put in the place of others; recognized by their frozen `base_layer`."""
    return [module for module in policy.modules() if hasattr(module, "base_layer") and hasattr(module, "lora_A")]


def adapters_are_on(policy: nn.Module) -> list[bool]:
    """For each such layer whether it adds anything at present; empty if there is none."""
    return [not module.disable_adapters for module in adapter_layers(policy)]


@contextmanager
def adapters_off(policy: nn.Module) -> Iterator[None]:
    """Within, the policy is what it was before training."""
    layers = adapter_layers(policy)
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def merged_parameters(policy: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name and value of each parameter of a policy without adapters that does the same, in the order of the model.

    Without adapters these are the policy's own parameters; where they are off, the frozen ones. A sum is in the type of
    the adapters: in bfloat16 it would lose what is small beside the frozen value.
    """
    layers = set(adapter_layers(policy))
    merged: dict[str, Any] = {f"{name}.base_layer.weight": m for name, m in policy.named_modules() if m in layers}
    for name, parameter in policy.named_parameters():
        if ".lora_" in name:
            continue
        value = parameter.detach()
        layer = merged.get(name)
        if layer is not None and not layer.disable_adapters:
            for adapter in layer.active_adapters:
                value = value + layer.get_delta_weight(adapter).detach()
        yield base_name(name), value


def base_name(name: str) -> str:
    """The name that a parameter beside adapters has without them."""
    return name.replace(".base_layer.", ".")
