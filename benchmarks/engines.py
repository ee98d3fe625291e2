"""Tokens a second of both rollout engines, side by side: `.venv-vllm/bin/python benchmarks/engines.py`.

Each model is sampled by one engine after the other, several times over, so that whatever else the machine does meets
both. The first round warms up and is not counted. One thread each, float32, K = 6 rollouts of each question.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from p2o.engines import RolloutEngine, SamplingParams, TransformersEngine, VLLMEngine
from p2o.policy.loading import BUNDLED, load_policy, load_tokenizer
from p2o.prompts.renderer import PromptRenderer
from p2o.types import Prompt
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.chains import ChainQuestions

K = 6


def micro_policy(questions: int) -> tuple[PreTrainedModel, list[Prompt]]:
    """The quickstart's policy on its own questions; completions end at eos."""
    renderer = PromptRenderer(load_tokenizer(BUNDLED), INSTRUCTION)
    found = ChainQuestions("validation", easy=questions // 2, hard=questions - questions // 2).load()
    ids = [renderer.question(question.text) for question in found]
    return load_policy(BUNDLED), [Prompt(prompt, seed) for prompt in ids for seed in range(K)]


def random_llama(questions: int) -> tuple[PreTrainedModel, list[Prompt]]:
    """135M random weights in the shape of SmolLM-135M, prompts of 64 tokens; eos is as rare as any token."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=0,
    )
    prompts = torch.randint(1, config.vocab_size, (questions, 64)).tolist()
    return LlamaForCausalLM(config).eval(), [Prompt(tuple(ids), seed) for ids in prompts for seed in range(K)]


def rate(engine: RolloutEngine, policy: PreTrainedModel, prompts: list[Prompt], length: int) -> float:
    """Completion tokens a second of one call, weight transfer included."""
    start = time.perf_counter()
    completions = engine.generate(policy, prompts, SamplingParams(1.0, length), "benchmark")
    return sum(len(completion.ids) for completion in completions) / (time.perf_counter() - start)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument("--length", type=int, default=96, help="tokens of a completion at most")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=["micro-policy", "llama-135M"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    makers = {"micro-policy": micro_policy, "llama-135M": random_llama}
    print("| model | engine | tokens/s, median | range |\n|---|---|---|---|")
    for name in options.models:
        policy, prompts = makers[name](options.questions)
        on_cpu = {"enforce_eager": True, "kv_cache_memory_bytes": 2**30}
        engines = {"transformers": TransformersEngine(), "vLLM": VLLMEngine("float32", engine_args=on_cpu)}
        rates: dict[str, list[float]] = {engine: [] for engine in engines}
        for repeat in range(options.repeats + 1):
            for kind, engine in engines.items():
                found = rate(engine, policy, prompts, options.length)
                if repeat:
                    rates[kind].append(found)
        for kind, found in rates.items():
            print(
                f"| {name} | {kind} | {statistics.median(found):,.0f} | {min(found):,.0f}–{max(found):,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
