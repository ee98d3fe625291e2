"""Loads a policy by name or folder: its tokenizer, its config, its weights."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import PreTrainedTokenizerBase as Tokenizer

from p2o.errors import InputError
from p2o.logprobs import recompute_activations, remove_training_noise, settle_rope, window_of
from p2o.policy.adapters import Adapters, NoAdapters
from p2o.prompts.chat_templates import check_texts, take_template
from p2o.prompts.renderer import PromptRenderer
from p2o.prompts.template_switches import check_switches
from p2o.worlds.bundled import BUNDLED_POLICIES

BUNDLED = "p2o/micro-policy"  # the name of the policy that comes inside the package
# Lightning calls `configure_model` in `with root_device`. transformers would take that for a `device_map`, which needs
# accelerate, and buffers would be computed by the kernels of another device.
ON_CPU = torch.device("cpu")


def locate(name: str) -> str:
    """The folder of a model given by folder or by the bundled name; hub names stay as they are."""
    if not name:
        raise InputError(f"model.model: expected a folder, a name on the Hugging Face hub or {BUNDLED!r}, got ''.")
    if name in BUNDLED_POLICIES:
        return str(BUNDLED_POLICIES[name])
    if name.startswith((".", "/", "~")) and not Path(name).expanduser().is_dir():
        raise InputError(f"model.model: expected a model folder, {name!r} does not exist or is not a folder.")
    return str(Path(name).expanduser()) if Path(name).expanduser().is_dir() else name


def load_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a model."""
    try:
        return AutoTokenizer.from_pretrained(locate(name))
    except (OSError, ValueError) as error:
        raise InputError(_not_loadable("tokenizer", name, error)) from error


def load_config(name: str) -> PreTrainedConfig:
    """The config of a model."""
    try:
        return AutoConfig.from_pretrained(locate(name))
    except (OSError, ValueError) as error:
        raise InputError(_not_loadable("config", name, error)) from error


def load_renderer(name: str, instruction: str, chat_template_kwargs: dict[str, Any] | None) -> PromptRenderer:
    """What renders the prompts of a model, by its tokenizer's chat template or the one that the switches ask for.

    Raises:
        InputError: The tokenizer cannot be loaded, a template or system prompt is no text, or a switch does nothing.
    """
    check_texts(chat_template_kwargs)
    tokenizer = load_tokenizer(name)
    switches = take_template(tokenizer, chat_template_kwargs)
    check_switches(tokenizer, switches)
    return PromptRenderer(tokenizer, instruction, switches)


def load_window(name: str, longest: int = 0) -> int:
    """Tokens of prompt and completion that a model takes together at most, in a run with rows of `longest` tokens."""
    return window_of(load_config(name), longest)


def load_policy(
    name: str, gradient_checkpointing: bool = False, adapters: Adapters = NoAdapters(), longest: int = 0
) -> PreTrainedModel:
    """A causal language model on the CPU, in eval mode without dropout and jitter, in the dtype of the adapters.

    Args:
        name: A folder, a name on the hub, or the bundled policy.
        gradient_checkpointing: Whether its layers compute their activations again in the backward pass.
        adapters: What is trained of it.
        longest: Tokens of the longest row that is planned for; 0: the model's whole window (see `settle_rope`).
    """
    _check_not_quantized(name, load_config(name))
    with ON_CPU:
        try:
            policy: PreTrainedModel = AutoModelForCausalLM.from_pretrained(locate(name), dtype=adapters.dtype)
        except (OSError, ValueError) as error:
            raise InputError(_not_loadable("weights", name, error)) from error
        return _prepared(policy, gradient_checkpointing, adapters, longest)


def outline_policy(
    name: str, gradient_checkpointing: bool = False, adapters: Adapters = NoAdapters(), longest: int = 0
) -> PreTrainedModel:
    """What `load_policy` gives, its parameters without values, on torch's device "meta": it takes no memory."""
    config = load_config(name)
    _check_not_quantized(name, config)

    def without_values(module: nn.Module, key: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or parameter.is_meta:  # one that is tied stays the same
            return None
        return nn.Parameter(parameter.to("meta"), parameter.requires_grad)

    with ON_CPU:
        hook = register_module_parameter_registration_hook(without_values)  # type: ignore[arg-type] # it may give another
        try:
            policy: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=adapters.dtype).eval()
        finally:
            hook.remove()
        policy.generation_config = load_generation_config(name, policy)
        return _prepared(policy, gradient_checkpointing, adapters, longest)


def load_generation_config(name: str, model: PreTrainedModel) -> GenerationConfig:
    """How the original generates, above all which tokens end a completion; of a model that does not say, its config."""
    try:
        return GenerationConfig.from_pretrained(locate(name))
    except OSError:
        return GenerationConfig.from_model_config(model.config)


def _prepared(
    policy: PreTrainedModel, gradient_checkpointing: bool, adapters: Adapters, longest: int
) -> PreTrainedModel:
    remove_training_noise(policy)
    settle_rope(policy, longest or window_of(policy.config))
    adapters(policy)
    if gradient_checkpointing:
        recompute_activations(policy)
    return policy


def _check_not_quantized(name: str, config: PreTrainedConfig) -> None:
    """Refuses weights of few bits: engines get merged weights, and the update gradients, which these do not give.

    bitsandbytes 0.50.2 on a CPU has no backward pass for its 4-bit product of a matrix and a vector, and only warns.
    """
    if found := getattr(config, "quantization_config", None):
        method = found.get("quant_method", "") if isinstance(found, dict) else getattr(found, "quant_method", "")
        raise InputError(
            f"model.model: expected weights in floating point, those of {name!r} are quantized ({method or 'unknown'})"
            ". Take the model that it was made from; beside adapters (LoRA) its weights are kept in bfloat16."
        )


def _not_loadable(part: str, name: str, error: Exception) -> str:
    return (
        f"model.model: the {part} of {name!r} could not be loaded. Expected a folder made by save_pretrained, the name "
        f"of a model on the Hugging Face hub, or {BUNDLED!r}. transformers says: {error}"
    )
