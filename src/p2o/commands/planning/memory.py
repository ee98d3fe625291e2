"""A rough estimate of the memory that a process needs."""

from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig

from p2o.commands.planning.run import PlannedRun
from p2o.logprobs.fused_head import KEPT, TILE
from p2o.reflectors.self_reflector import SelfReflector

WEIGHT = 4  # bytes: float32
CACHE = 4  # bytes of a number of the KV cache; half under bf16
HIDDEN_COPIES = 34  # numbers that a layer keeps for each position and hidden unit, by Korthikanti et al. 2022
LOGIT_COPIES = 3  # of a tile: logits, their exponentials, and the gradient


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they are for. Sampling and updates take turns, so the larger of the two counts."""

    weights: int
    gradients: int
    adam: int
    activations: int
    cache: int

    @property
    def total(self) -> int:
        """The most bytes that are in use at one time."""
        return self.weights + self.gradients + self.adam + max(self.activations, self.cache)


def parameters(config: PreTrainedConfig) -> int:
    """How many parameters a model of this config has; the model is not loaded."""
    with torch.device("meta"):
        return int(AutoModelForCausalLM.from_config(config).num_parameters())


def memory(run: PlannedRun, config: PreTrainedConfig) -> Memory:
    """Estimates the memory of one process from the config of the model, which is not loaded.

    Args:
        run: The run that is planned.
        config: The config of its model.
    """
    text, module, reflector = config.get_text_config(), run.module, run.reflector
    # The policy before training is kept beside the policy if it reflects.
    copies = int(isinstance(reflector, SelfReflector) and reflector.weights == "initial" and run.evolves)
    count = parameters(config)
    length = max(run.lengths) + module.sampling.max_completion_length
    tokens = max(length, module.update.micro_batch_tokens)
    layer = tokens * text.hidden_size * HIDDEN_COPIES * 2  # half of it in 2 bytes, in float32 all of it in 4
    entries = text.num_hidden_layers * tokens * text.hidden_size * 4  # what a layer is computed again from
    activations = entries + layer if module.gradient_checkpointing else text.num_hidden_layers * layer
    logits = (LOGIT_COPIES * TILE + KEPT) * 4
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    together = min(vars(module.engine).get("batch_size", 10**9), run.data.batch_size * run.data.num_generations)
    return Memory(
        weights=WEIGHT * count * (1 + copies),
        gradients=WEIGHT * count,
        adam=2 * WEIGHT * count,
        activations=activations + logits,
        cache=together * length * text.num_hidden_layers * 2 * heads * head * CACHE,
    )
