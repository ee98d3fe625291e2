"""A rough estimate of the memory that a process needs."""

import json
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from p2o.commands.planning.run import PlannedRun
from p2o.engines.vllm import VLLMEngine
from p2o.logprobs.fused_head import KEPT, TILE
from p2o.logprobs.packable import promises
from p2o.policy.adapters import LoRA
from p2o.policy.module import PolicyModule
from p2o.reflectors.self_reflector import SelfReflector

GIB = 2**30
WEIGHT = 4  # bytes: float32, whatever the precision of the pass
HIDDEN = 34  # bytes that a layer keeps in 2-byte numbers for each position and hidden unit (Korthikanti et al. 2022)
MIXED = 1.5  # norms and residuals of a mixed pass stay in float32
ASLEEP = 3 * GIB  # a guess: what vLLM keeps mapped in its sleep (CUDA's context, NCCL's buffers, CUDA graphs)
LOGIT_COPIES = 3  # of a tile, or of a padded pass: logits, their exponentials, and the gradient


@dataclass(frozen=True)
class Demand:
    """What decides about the memory of a process, beside its model.

    Args:
        micro_batch_tokens: Tokens of a forward and backward pass.
        length: Tokens of a bare prompt and its completion at most.
        usual: Tokens of a bare prompt and its completion on average.
        together: Completions that are written at a time.
        mixed: Whether passes compute in 2 bytes.
        recompute: Whether layers compute their activations again in the backward pass.
        copies: Copies of the weights beside the policy: one if somebody makes passes of the policy before
            training, and one if a regularizer reads their moving average.
        vllm: The share of the device that vLLM takes while it is awake; 0: the policy samples itself.
        adapters: What is trained, if not all of the policy.
        shards: Processes that hold the policy together.
        replicas: Processes that hold a whole policy each, whose gradients are averaged.
        template: Tokens that a template adds to a prompt at most.
        templated_gradient: Whether the gradient is taken under it; else prompts have it that are sampled from.
    """

    micro_batch_tokens: int
    length: int
    usual: int
    together: int
    mixed: bool
    recompute: bool
    copies: int = 0
    vllm: float = 0.0
    adapters: LoRA | None = None
    shards: int = 1
    replicas: int = 1
    template: int = 0
    templated_gradient: bool = False


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they are for. Sampling and updates take turns, and sampling has the memory of the gradients."""

    weights: int
    adam: int
    gradients: int
    activations: int
    sampling: int
    kept: int  # by DDP and by a vLLM that sleeps, whoever's turn it is
    uncounted: float = 0.0  # the share of a GPU that vLLM takes, where the GPU's size is not known

    @property
    def total(self) -> int:
        """The most bytes that are in use at one time."""
        return self.weights + self.adam + self.kept + max(self.gradients + self.activations, self.sampling)


def parameters(config: PreTrainedConfig) -> int:
    """How many parameters a model of this config has; the model is not loaded."""
    return _count(config.to_json_string())


@lru_cache(maxsize=2)
def _count(config: str) -> int:
    return int(_skeleton(config).num_parameters())


def adapter_parameters(config: PreTrainedConfig, adapters: LoRA) -> int:
    """How many parameters the adapters of a model of this config have: rank x (inputs + outputs) of each target."""
    model = _skeleton(config.to_json_string())
    head, every = model.get_output_embeddings(), adapters.targets == "all-linear"
    linear = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Linear) and part is not head]
    targets = [part for name, part in linear if every or name.endswith(tuple(adapters.targets))]
    return sum(adapters.rank * (part.in_features + part.out_features) for part in targets)


@lru_cache(maxsize=2)
def _skeleton(config: str) -> PreTrainedModel:
    """The model of a config as JSON, without memory for its weights."""
    content = json.loads(config)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(content.pop("model_type"), **content))


def memory(config: PreTrainedConfig, demand: Demand, device: int = 0) -> Memory:
    """Estimates the memory of a process from the config of its model, which is not loaded.

    Args:
        config: The config of the model.
        demand: What else decides.
        device: Bytes of the device, of which vLLM takes a share; 0: what vLLM needs at least.
    """
    text, count = config.get_text_config(), parameters(config)
    trained = adapter_parameters(config, demand.adapters) if demand.adapters else count
    kept_bytes = demand.adapters.dtype.itemsize if demand.adapters else WEIGHT
    policy = kept_bytes * count + (WEIGHT * trained if demand.adapters else 0)
    # Passes without a gradient keep one layer, however long their prompts are.
    tokens = max(demand.length + demand.template * demand.templated_gradient, demand.micro_batch_tokens)
    layer = int(tokens * text.hidden_size * HIDDEN * (MIXED if demand.mixed else 2))
    entries = text.num_hidden_layers * tokens * text.hidden_size * 4  # what a layer is computed again from
    kept = entries + layer if demand.recompute else text.num_hidden_layers * layer
    # Autocast keeps the weights that it has cast until the pass is over.
    casts = 2 * count // demand.shards if demand.mixed and kept_bytes > 2 else 0
    # Whoever cannot be packed has the logits of all completions of a pass at once, and completions may be most of it.
    tiled = promises(_skeleton(config.to_json_string()))
    logits = LOGIT_COPIES * TILE + KEPT if tiled else LOGIT_COPIES * tokens * text.vocab_size
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    token = text.num_hidden_layers * 2 * heads * head  # numbers that the cache has of a token
    if demand.vllm:
        sampling = max(2 * count + 2 * token * (demand.length + demand.template), int(demand.vllm * device))
    else:
        whole = policy - policy // demand.shards  # a sharded policy is put together to sample
        sampling = demand.together * (demand.usual + demand.template) * token * (2 if demand.mixed else 4) + whole
    # DDP averages gradients in buckets of its own, which it makes before the first step.
    buckets = WEIGHT * trained if demand.replicas > 1 else 0
    return Memory(
        weights=policy * (1 + demand.copies) // demand.shards,
        adam=2 * WEIGHT * trained // demand.shards,
        gradients=WEIGHT * trained // demand.shards,
        activations=kept + casts + logits * 4,
        sampling=sampling,
        kept=buckets + (ASLEEP if demand.vllm else 0),
        uncounted=0.0 if device else demand.vllm,
    )


def gpu_memory() -> int:
    """Bytes of the first GPU; 0 if there is none."""
    return int(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else 0


def demand_of(run: PlannedRun, expected: int = 0) -> Demand:
    """What the settings of a run ask of the memory of each of its processes.

    Args:
        run: The run that is planned.
        expected: Tokens of a completion on average, where one process samples many; 0: all reach the limit.
    """
    module, reflector, engine = run.module, run.reflector, run.module.engine
    adapters = module.adapters if isinstance(module.adapters, LoRA) else None
    reflects = isinstance(reflector, SelfReflector) and reflector.weights == "initial" and run.evolves
    in_files = engine.dtype is not None and reflector.own_engine is None  # the engine reads the model's files
    before = (reflects and not in_files) or run.kl or _compares(module)
    averages = any(part.averages for part in module.update.objective.regularizers)
    asked = run.data.batch_size * run.data.num_generations
    return Demand(
        micro_batch_tokens=module.update.micro_batch_tokens,
        length=max(run.lengths) + module.sampling.max_completion_length,
        usual=max(run.lengths) + (expected or module.sampling.max_completion_length),
        together=min(vars(engine).get("batch_size", asked), asked),
        mixed=run.mixed,
        recompute=module.gradient_checkpointing,
        copies=int(before and not adapters) + averages,  # without its adapters, the policy is the one before training
        vllm=engine.arguments["gpu_memory_utilization"] if isinstance(engine, VLLMEngine) else 0.0,
        adapters=adapters,
        shards=run.processes if run.sharded else 1,
        replicas=1 if run.sharded else run.processes,
        template=run.longest_template,
        templated_gradient=not module.update.objective.context.bare_gradient,
    )


def _compares(module: PolicyModule) -> bool:
    """Whether a regularizer asks the policy before training."""
    return any(part.reads_reference and part.weights == "initial" for part in module.update.objective.regularizers)
