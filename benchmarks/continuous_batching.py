"""The decode loop against transformers' own continuous batching: `python benchmarks/continuous_batching.py`.

The bundled policy, 4 prompts of 46 random tokens, 6 completions each. One thread and CPU seconds, so that what else the
machine does hardly counts. The first call of each side is not counted.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from transformers import GenerationConfig

from p2o.engines import SamplingParams, TransformersEngine
from p2o.policy.loading import BUNDLED, load_policy
from p2o.types import Prompt

LENGTH = 128


def rate(write: Callable[[], int]) -> float:
    """Tokens per CPU second."""
    start = time.process_time()
    return write() / (time.process_time() - start)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    policy = load_policy(BUNDLED).eval()
    generator = torch.Generator().manual_seed(1)
    distinct = torch.randint(20, policy.config.vocab_size, (4, 46), generator=generator).tolist()
    prompts = [ids for ids in distinct for _ in range(6)]
    config = GenerationConfig(
        max_new_tokens=LENGTH,
        do_sample=True,
        eos_token_id=policy.generation_config.eos_token_id,
        pad_token_id=policy.generation_config.pad_token_id,
    )
    engine = TransformersEngine()

    def continuous() -> int:
        found = policy.generate_batch(prompts, generation_config=config, progress_bar=False)
        return sum(len(output.generated_tokens) for output in found.values())

    def loop() -> int:
        asked = [Prompt(tuple(ids), seed) for seed, ids in enumerate(prompts)]
        return sum(len(found.ids) for found in engine.generate(policy, asked, SamplingParams(1.0, LENGTH), "benchmark"))

    rates = [(rate(loop), rate(continuous)) for _ in range(pairs + 1)][1:]
    for name, found in zip(("p2o's loop", "continuous batching"), zip(*rates, strict=True), strict=True):
        print(f"{name}: {statistics.median(found):,.0f} tokens per CPU s ({min(found):,.0f}–{max(found):,.0f})")


if __name__ == "__main__":
    main()
