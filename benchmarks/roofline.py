"""What a GRPO step of `step.py` costs at least on this machine: `python benchmarks/roofline.py [--model llama-135m]`.

Counts the floating-point operations of the matrix products of both sides (24 completions of 64 tokens, 4 prompts of
46, K = 6) and divides by the rate of such products, measured here on one core with weights that come from memory, as
those of a model's layers do: TRL's by torch, p2o's by `p2o.logprobs.onednn_linear`. Attention, everything
element-wise and the optimizer, which is timed, come on top.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from models import SHAPES
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, PretrainedConfig

from p2o.logprobs.onednn_linear import packed_weights, product

QUESTIONS, GENERATIONS, PROMPT, TOKENS = 4, 6, 46, 64


Multiply = Callable[[Tensor, Tensor], Tensor]


def rate(multiply: Multiply, rows: int, width: int, out: int, packed: bool = False, layers: int = 60) -> float:
    """GFLOP per CPU second of hidden [rows, width] · weight [out, width]ᵀ over many weights, the best of a few."""
    x, model = torch.randn(rows, width), nn.Sequential(*(nn.Linear(width, out, bias=False) for _ in range(layers)))
    best = float("inf")
    with torch.no_grad(), packed_weights(model) if packed else nullcontext():
        for _ in range(6):
            start = time.process_time()
            for layer in model:
                layer(x) if packed else multiply(x, layer.weight)
            best = min(best, time.process_time() - start)
    return 2 * rows * width * out * layers / best / 1e9


def optimizer_seconds(config: PretrainedConfig, fused: bool) -> float:
    """CPU seconds of a step of AdamW on all weights, the best of a few."""
    weights = list(AutoModelForCausalLM.from_config(config).parameters())
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    optimizer = torch.optim.AdamW(weights, lr=1e-6, fused=fused)
    best = float("inf")
    for _ in range(4):
        start = time.process_time()
        optimizer.step()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-135m", choices=list(SHAPES))
    config = SHAPES[parser.parse_args().model]
    torch.set_num_threads(1)
    with torch.device("meta"):
        parameters = AutoModelForCausalLM.from_config(config).num_parameters()
    head = config.vocab_size * config.hidden_size
    body = parameters - head
    rows = QUESTIONS * GENERATIONS
    # backbone: forward, and two products in the backward pass; head: three products, or four where it recomputes
    ours = 6 * body * (QUESTIONS * PROMPT + rows * (TOKENS - 1)) + 6 * head * rows * TOKENS
    trl = 6 * body * rows * (PROMPT + TOKENS) + 8 * head * rows * (PROMPT + TOKENS - 1)
    decoding = 2 * (body + head) * rows * TOKENS + 2 * body * QUESTIONS * PROMPT
    trl_decoding = decoding + 2 * body * (rows - QUESTIONS) * PROMPT  # it reads a prompt for each completion
    shape = config.hidden_size, config.intermediate_size
    torch_s, torch_s_few = rate(linear, 430, *shape), rate(linear, rows, *shape)
    ours_s, ours_few = rate(product, 430, *shape), rate(product, rows, *shape, packed=True)
    print(f"parameters: {parameters / 1e6:.0f} M, of which {head / 1e6:.0f} M are the head's (tied)")
    print(f"GFLOP per CPU s with 430 rows: torch {torch_s:.0f}, p2o.logprobs.onednn_linear {ours_s:.0f}; "
          f"with {rows}: torch {torch_s_few:.0f}, packed weights {ours_few:.0f}")  # fmt: skip
    # of the training pass, the gradients of weights are torch's products on both sides
    floor = ours / 1e9 * (2 / ours_s + 1 / torch_s) / 3
    print(f"training pass: p2o {ours / 1e9:.0f} GFLOP, at least {floor:.1f} CPU s; "
          f"TRL {trl / 1e9:.0f} GFLOP, at least {trl / 1e9 / torch_s:.1f} CPU s; "
          f"ratio {trl / ours:.2f} in GFLOP, {trl / 1e9 / torch_s / floor:.2f} in seconds")  # fmt: skip
    few, trl_few = decoding / 1e9 / ours_few, trl_decoding / 1e9 / torch_s_few
    print(f"generation: p2o {decoding / 1e9:.0f} GFLOP, at least {few:.1f} CPU s; "
          f"TRL {trl_decoding / 1e9:.0f} GFLOP, at least {trl_few:.1f} CPU s; "
          f"ratio {trl_few / few:.2f} in seconds")  # fmt: skip
    print(f"whole step: p2o {(ours + decoding) / 1e9:.0f} GFLOP, TRL {(trl + trl_decoding) / 1e9:.0f} GFLOP; "
          f"ratio {(trl + trl_decoding) / (ours + decoding):.2f} in GFLOP, "
          f"{(trl / 1e9 / torch_s + trl_few) / (floor + few):.2f} in seconds")  # fmt: skip
    print(f"AdamW: {optimizer_seconds(config, False):.2f} CPU s, fused {optimizer_seconds(config, True):.2f}")
    print(f"memory before any activation: weights, gradients and AdamW's moments {16 * parameters / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
