"""An engine that samples from other weights than the trained ones stops the run."""

from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import pytest
import torch

from p2o.engines import SamplingParams, TransformersEngine, VLLMEngine, VLLMServers
from p2o.engines.canary import check_canary
from p2o.engines.vllm import colocated
from p2o.errors import InputError
from p2o.types import Prompt
from tiny_policy import build_policy

PROMPTS = [Prompt(tuple(range(length)), seed) for seed, length in enumerate([30, 4, 90, 7])]
ENGINES = {
    "transformers": TransformersEngine,
    "vllm": partial(
        VLLMEngine, dtype="float32", engine_args={"enforce_eager": True, "kv_cache_memory_bytes": 64 * 2**20}
    ),
    "vllm_servers": partial(VLLMServers, dtype="float32"),
}
VLLM = [pytest.mark.vllm, pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")]
MARKS = {"vllm": VLLM, "vllm_servers": [*VLLM, pytest.mark.timeout(900)]}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=MARKS.get(name, ())) for name in ENGINES])
def engine(request):
    if request.param == "vllm_servers":
        return ENGINES[request.param]([server.url for server in request.getfixturevalue("tiny_servers")])
    return ENGINES[request.param]()


@pytest.fixture
def policy(tokenizer):
    return build_policy(len(tokenizer), tokenizer.eos_token_id, head_dim=32, tied=True)


@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
def test_it_is_silent_where_the_weights_are_right(engine, policy, temperature):
    for _ in range(2):
        completions = engine.generate(policy, PROMPTS, SamplingParams(temperature, 40), "")
        check_canary(policy.train(), engine, PROMPTS, completions, temperature)
        assert policy.training
        with torch.no_grad():
            policy.lm_head.weight.mul_(1.1)


def test_other_weights_are_found(engine, policy, tokenizer, monkeypatch):
    """Those of the base model, as users of other libraries had them for weeks."""
    other = build_policy(len(tokenizer), tokenizer.eos_token_id, seed=1, head_dim=32, tied=True)
    completions = engine.generate(other, PROMPTS, SamplingParams(1.0, 12), "")
    with pytest.raises(InputError, match="does not sample from the weights that are trained"):
        check_canary(policy, engine, PROMPTS, completions, 1.0)


@pytest.mark.vllm
@pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")
def test_a_transfer_that_did_not_happen_is_found(policy, monkeypatch):
    engine = ENGINES["vllm"]()
    engine.generate(policy, PROMPTS, SamplingParams(1.0, 4), "")
    monkeypatch.setattr(colocated, "_transfer", lambda llm, policy: None)
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.1)
    completions = engine.generate(policy, PROMPTS, SamplingParams(1.0, 12), "")
    with pytest.raises(InputError, match="VLLMEngine does not sample"):
        check_canary(policy, engine, PROMPTS, completions, 1.0)


def test_log_probs_that_are_not_finite_are_found(policy):
    engine = TransformersEngine()
    completions = engine.generate(policy, PROMPTS, SamplingParams(1.0, 4), "")
    broken = [replace(c, logps=(float("nan"), *c.logps[1:])) for c in completions]
    with pytest.raises(InputError, match="does not sample"):
        check_canary(policy, engine, PROMPTS, broken, 1.0)


def test_nothing_to_compare(policy):
    engine = TransformersEngine()
    completions = engine.generate(policy, PROMPTS, SamplingParams(1.0, 4), "")
    check_canary(policy, engine, PROMPTS, [replace(c, logps=None) for c in completions], 1.0)
    check_canary(policy, engine, [], [], 1.0)


def test_it_costs_a_small_pass(policy):
    engine, tokens = TransformersEngine(), []
    prompts = [Prompt(tuple(range(length)), length) for length in range(4, 200)]
    completions = engine.generate(policy, prompts, SamplingParams(1.0, 60), "")
    policy.model.layers[0].mlp.register_forward_hook(
        lambda module, args, output: tokens.append(output.shape[:2].numel())
    )
    check_canary(policy, engine, prompts, completions, 1.0)
    assert sum(tokens) <= 2 * (5 + 32)
