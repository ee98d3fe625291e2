"""Settings by which a model can be trained in the memory of given GPUs, by the estimate of `p2o plan`."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from transformers import PreTrainedConfig

from p2o.commands.planning.memory import GIB, Demand, memory
from p2o.errors import InputError
from p2o.policy.adapters import LoRA

PROMPT, COMPLETION = 1024, 4096  # tokens
TOGETHER = (64, 32, 16, 8)  # completions that are written at a time without vLLM, the more the faster
BATCHES = (32768, 16384, 8192, 6144)  # tokens of a pass, the larger the faster; at least those of a row
SHARES = (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)  # of a GPU for vLLM, the larger the faster

Method = Literal["whole", "sharded", "LoRA"]


@dataclass(frozen=True)
class Wishes:
    """What a user says.

    Args:
        questions: A .jsonl or .parquet file; it is read if it exists.
        model: A folder or a name on the Hugging Face hub.
        memory: GiB of a GPU; 0: no GPU is named.
        gpus: How many there are.
        vllm: Whether vLLM samples.
    """

    questions: Path
    model: str
    memory: float
    gpus: int
    vllm: bool


@dataclass(frozen=True)
class Fit:
    """Settings that fit into the memory of a GPU."""

    method: Method
    micro_batch_tokens: int
    together: int
    vllm: float
    initial: bool  # whether the policy before training reflects
    need: float  # GiB


def fitting(config: PreTrainedConfig, wishes: Wishes, prompt: int, completion: int) -> Fit:
    """The fastest settings that fit, by the estimate of `p2o plan`: all weights if they can be trained, else adapters.

    Raises:
        InputError: None does; says what the smallest ones need.
    """
    length, device = prompt + completion, int(wishes.memory * GIB)
    least = float("inf")
    samplers = list(product((0,), SHARES) if wishes.vllm else product(TOGETHER, (0.0,)))
    for method, initial, tokens, (together, share) in product(_methods(wishes), (True, False), BATCHES, samplers):
        demand = Demand(
            micro_batch_tokens=tokens,
            length=length,
            usual=length,
            together=together,
            mixed=True,
            recompute=True,
            copies=int(initial and method != "LoRA" and not share),  # vLLM reads its weights from files
            vllm=share,
            adapters=LoRA() if method == "LoRA" else None,
            shards=wishes.gpus if method == "sharded" else 1,
            replicas=1 if method == "sharded" else wishes.gpus,
        )
        need = memory(config, demand, device)
        room = memory(config, demand).sampling <= share * device if share else True
        if need.total <= 0.95 * device and room:
            return Fit(method, tokens, together, share, initial, need.total / GIB)
        least = min(least, need.total / GIB)
    raise InputError(
        f"p2o init: {wishes.model} needs about {least:.0f} GiB a GPU, even where only adapters are trained, and "
        f"--memory is {wishes.memory:g}. Take a smaller model, or a larger GPU."
    )


def _methods(wishes: Wishes) -> tuple[Method, ...]:
    return ("whole", "sharded", "LoRA") if wishes.gpus > 1 else ("whole", "LoRA")
