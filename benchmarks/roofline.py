"""What a GRPO step of `step.py` costs at least on this machine: `python benchmarks/roofline.py [--model llama-135m]`.

Counts the floating-point operations of the matrix products of both sides (24 completions of 64 tokens, 4 prompts of
46, K = 6) and divides by the rate of such products, measured here on one core with weights that come from memory, as
those of a model's layers do. Attention, everything element-wise and the optimizer, which is timed, come on top.
"""

import argparse
import time

import torch
from models import SHAPES
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, PretrainedConfig

QUESTIONS, GENERATIONS, PROMPT, TOKENS = 4, 6, 46, 64


def rate(rows: int, width: int, out: int, layers: int = 60) -> float:
    """GFLOP per CPU second of hidden [rows, width] · weight [out, width]ᵀ over many weights, the best of a few."""
    x, weights = torch.randn(rows, width), torch.randn(layers, out, width)
    best = float("inf")
    for _ in range(6):
        start = time.process_time()
        for weight in weights:
            linear(x, weight)
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
    large = rate(430, config.hidden_size, config.intermediate_size)
    small = rate(rows, config.hidden_size, config.intermediate_size)
    print(f"parameters: {parameters / 1e6:.0f} M, of which {head / 1e6:.0f} M are the head's (tied)")
    print(f"GFLOP per CPU s: {large:.0f} with 430 rows, {small:.0f} with {rows}")
    print(f"training pass: p2o {ours / 1e9:.0f} GFLOP, at least {ours / 1e9 / large:.1f} CPU s; "
          f"TRL {trl / 1e9:.0f} GFLOP, at least {trl / 1e9 / large:.1f} CPU s; ratio {trl / ours:.2f}")  # fmt: skip
    print(f"generation: {decoding / 1e9:.0f} GFLOP, at least {decoding / 1e9 / small:.1f} CPU s")
    print(f"whole step: p2o {(ours + decoding) / 1e9:.0f} GFLOP, TRL {(trl + trl_decoding) / 1e9:.0f} GFLOP; "
          f"ratio {(trl + trl_decoding) / (ours + decoding):.2f}")  # fmt: skip
    print(f"AdamW: {optimizer_seconds(config, False):.2f} CPU s, fused {optimizer_seconds(config, True):.2f}")
    print(f"memory before any activation: weights, gradients and AdamW's moments {16 * parameters / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
