"""Tokens a second of vLLM servers, and seconds of a transfer: `.venv-vllm/bin/python benchmarks/servers.py`.

The bundled micro-policy is sampled by one server, by two, and by vLLM within this process, one after the other and
several times over, so that whatever else the machine does meets all of them. Seconds of a transfer are those of a call
without prompts whose weights are new, less those of one whose weights are not. The first round is not counted. One
thread a process, float32; on a machine with fewer cores than processes, two servers cannot be faster than one by much.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import torch
from transformers import PreTrainedModel

from p2o.engines import RolloutEngine, SamplingParams, SharedFolder, VLLMEngine, VLLMServers
from p2o.policy.loading import BUNDLED, load_policy
from p2o.types import Prompt
from tests.vllm_servers import serving

K = 6


def rate(engine: RolloutEngine, policy: PreTrainedModel, questions: int, length: int) -> float:
    """Completion tokens a second of one call with weights that the engine has."""
    prompts = [Prompt((5, 6, 7, 8 + number), K * number + k) for number in range(questions) for k in range(K)]
    start = time.perf_counter()
    completions = engine.generate(policy, prompts, SamplingParams(1.5, length), "benchmark")
    return sum(len(completion.ids) for completion in completions) / (time.perf_counter() - start)


def transfer(engine: RolloutEngine, policy: PreTrainedModel) -> float:
    """Seconds that new weights take on their way to the engine."""
    start = time.perf_counter()
    engine.generate(policy, [], SamplingParams(1.0, 1), "benchmark")
    old = time.perf_counter()
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.0001)
    engine.generate(policy, [], SamplingParams(1.0, 1), "benchmark")
    return (time.perf_counter() - old) - (old - start)


def main() -> None:
    """Prints the median and the range of each, and the ratios to one server round by round, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--length", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--urls", nargs="*", default=[], help="two servers that run already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as logs:
        if options.urls:
            measure(options.urls, options)
        else:
            with serving(BUNDLED, Path(logs), count=2, longest=2048) as servers:
                measure([server.url for server in servers], options)


def measure(urls: list[str], options: argparse.Namespace) -> None:
    """Measures on two servers that are up."""
    policy = load_policy(BUNDLED)
    colocated = VLLMEngine("float32", engine_args={"enforce_eager": True, "kv_cache_memory_bytes": 2**28})
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        engines: dict[str, RolloutEngine] = {
            "one server": VLLMServers(urls[:1], "float32", SharedFolder(folder)),
            "two servers": VLLMServers(urls, "float32", SharedFolder(folder)),
            "colocated": colocated,
        }
        rates: dict[str, list[float]] = {name: [] for name in engines}
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(options.repeats + 1):
            for name, engine in engines.items():
                seconds[name].append(transfer(engine, policy))
                rates[name].append(rate(engine, policy, options.questions, options.length))
    for name in engines:
        ratios = [one / base for one, base in zip(rates[name][1:], rates["one server"][1:], strict=True)]
        found = {"tokens/s": rates[name][1:], "ratio to one server": ratios, "transfer s": seconds[name][1:]}
        line = {what: [round(f(values), 3) for f in (statistics.median, min, max)] for what, values in found.items()}
        print(json.dumps({name: line}))


if __name__ == "__main__":
    main()
