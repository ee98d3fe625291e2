"""Loads a policy by name or folder: its tokenizer, its config, its weights."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.worlds.bundled import MICRO_POLICY

BUNDLED = "p2o/micro-policy"  # the name of the policy that comes inside the package


def locate(name: str) -> str:
    """The folder of a model given by folder or by the bundled name; hub names stay as they are."""
    if not name:
        raise InputError(f"model.model: expected a folder, a name on the Hugging Face hub or {BUNDLED!r}, got ''.")
    if name == BUNDLED:
        return str(MICRO_POLICY)
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


def load_window(name: str) -> int:
    """How many tokens a prompt and its completion may have together."""
    return int(load_config(name).get_text_config().max_position_embeddings)


def load_renderer(name: str, instruction: str, chat_template_kwargs: dict[str, Any] | None) -> PromptRenderer:
    """The renderer of prompts for a model, with the model's tokenizer."""
    return PromptRenderer(load_tokenizer(name), instruction, chat_template_kwargs)


def load_policy(name: str) -> PreTrainedModel:
    """A causal language model in float32, in eval mode.

    float32 whatever the checkpoint says: AdamW at a learning rate of 1e-6 does nothing to bfloat16 weights.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(locate(name), dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise InputError(_not_loadable("weights", name, error)) from error


def _not_loadable(part: str, name: str, error: Exception) -> str:
    return (
        f"model.model: the {part} of {name!r} could not be loaded. Expected a folder made by save_pretrained, the name "
        f"of a model on the Hugging Face hub, or {BUNDLED!r}. transformers says: {error}"
    )
