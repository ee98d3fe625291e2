"""How many tokens a policy reads, and rotary frequencies that do not depend on what else is in a batch.

LongRoPE (Phi-3.5, Phi-4-mini) has two sets of frequencies: one for texts within the length of pre-training, one beyond.
transformers takes the set that the longest row of a batch asks for, so that a row's log-probabilities depend on its
batchmates, and a completion that grows beyond that length finds keys in its cache that were turned otherwise. vLLM
takes one set for all texts, by its `max_model_len`. So does p2o: one set for a run, by the longest row it may have.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from p2o.errors import InputError

SWITCHING = "longrope"  # transformers' name; "dynamic" changes beyond the window alone, which no row exceeds
WINDOWS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length")
UNBOUNDED = 2**20  # the window of a config that names none: recurrent and ALiBi models read on as long as you like


def window_of(config: PreTrainedConfig, longest: int = 0) -> int:
    """Tokens of a prompt and its completion at most.

    Args:
        config: Of the policy.
        longest: Tokens of the longest row that the run plans for. With LongRoPE a run within the length of pre-training
            stays there, and its window ends there; 0: the run may fill the model's whole window.
    """
    text = config.get_text_config()
    window = next((int(size) for name in WINDOWS if (size := getattr(text, name, None) or 0) > 0), UNBOUNDED)
    limits = [int(rope["original_max_position_embeddings"]) for rope in _ropes(text) if rope["rope_type"] == SWITCHING]
    return min([window, *(limit for limit in limits if longest and longest <= limit)])


def settle_rope(policy: PreTrainedModel, longest: int) -> None:
    """Gives a policy with LongRoPE the frequencies of rows of `longest` tokens, for rows of every length.

    Policies of other kinds are left as they are. Frequencies are no part of weights or config: what is exported is not
    changed.

    Raises:
        InputError: The model switches in a way of its own, which cannot be settled at this length.
    """
    for rotary, prefix, layer_type in _switching(policy):
        kwargs = {} if layer_type is None else {"layer_type": layer_type}
        device = getattr(rotary, f"{prefix}inv_freq").device
        frequencies, _ = ROPE_INIT_FUNCTIONS[SWITCHING](rotary.config, device, seq_len=longest, **kwargs)
        for name in ("inv_freq", "original_inv_freq", "long_inv_freq"):  # it switches between equal ones
            setattr(rotary, f"{prefix}{name}", frequencies.clone())
        if not _constant(rotary, kwargs, settled_window(policy)):
            raise InputError(
                f"{policy.name_or_path!r} ({policy.config.model_type}, LongRoPE) scales its rotary embedding by the "
                f"longest row of a batch, and rows of {longest} tokens are beyond its first length. Expected "
                "model.max_prompt_length and model.max_completion_length within "
                f"{window_of(policy.config, longest=1)} tokens together."
            )


def check_rope(policy: PreTrainedModel) -> None:
    """Refuses a policy whose rotary frequencies would change with the longest row of a batch.

    Raises:
        InputError: `settle_rope` has not been called.
    """
    for rotary, prefix, _ in _switching(policy):
        long = getattr(rotary, f"{prefix}long_inv_freq", None)
        short = getattr(rotary, f"{prefix}original_inv_freq")
        if long is None or not torch.equal(long.to(short.device), short):
            raise InputError(
                f"The rotary frequencies of {policy.name_or_path!r} ({policy.config.model_type}, LongRoPE) change with "
                "the longest row of a batch, so that its log-probabilities are not defined row by row. Expected a "
                "length that settles them: call p2o.logprobs.settle_rope(policy, longest row) after loading it."
            )


def settled_window(policy: PreTrainedModel) -> int:
    """The window of a policy as it stands: with LongRoPE, it ends where the settled frequencies do."""
    window = window_of(policy.config)
    for rotary, prefix, layer_type in _switching(policy):
        kwargs = {} if layer_type is None else {"layer_type": layer_type}
        rope = rotary.config.rope_parameters if layer_type is None else rotary.config.rope_parameters[layer_type]
        limit = int(rope["original_max_position_embeddings"])
        mine = getattr(rotary, f"{prefix}inv_freq")
        short, _ = ROPE_INIT_FUNCTIONS[SWITCHING](rotary.config, mine.device, seq_len=limit, **kwargs)
        if torch.equal(mine, short.to(mine.dtype)):
            window = min(window, limit)
    return window


def _constant(rotary: nn.Module, kwargs: dict[str, str], window: int) -> bool:
    """Whether short rows are turned alike alone and beside one that fills the window."""
    positions = torch.tensor([[0, 1, 2, 7]], device=next(rotary.buffers()).device)
    beside = torch.cat([positions, positions + window - 8])
    alone, both = (rotary(where[..., None].float(), where, **kwargs) for where in (positions, beside))
    return all(torch.equal(one, two[:1]) for one, two in zip(alone, both, strict=True))


def _switching(policy: nn.Module) -> Iterator[tuple[Any, str, str | None]]:
    """Rotary embeddings that switch, with the prefix of their buffers and the layer type that these serve, if any."""
    for module in policy.modules():
        kind = vars(module).get("rope_type")
        if kind == SWITCHING:
            yield module, "", None
        elif isinstance(kind, dict):
            yield from ((module, f"{name}_", name) for name, each in kind.items() if each == SWITCHING)


def _ropes(text: PreTrainedConfig) -> list[dict[str, Any]]:
    """The rotary parameters of a config: one set, or one for each layer type."""
    parameters = getattr(text, "rope_parameters", None) or {}
    if "rope_type" in parameters:
        return [parameters]
    return [each for each in parameters.values() if isinstance(each, dict) and "rope_type" in each]
