"""What every engine promises, on a real random model: whoever writes an engine adds it to ENGINES.

Log-probabilities agree with a forward pass of the policy to TOLERANCE: kernels and batches differ in float32's last
digits, and these grow with each layer.
"""

from functools import partial
from importlib.util import find_spec

import pytest
import torch
from torch.testing import assert_close

from p2o.engines import SamplingParams, TransformersEngine, VLLMEngine, VLLMServers
from p2o.errors import InputError
from p2o.logprobs import completion_logps
from p2o.types import Prompt
from tiny_policy import build_policy

ENGINES = {
    "transformers": TransformersEngine,
    "vllm": partial(
        VLLMEngine, dtype="float32", engine_args={"enforce_eager": True, "kv_cache_memory_bytes": 64 * 2**20}
    ),
    "vllm_servers": partial(VLLMServers, dtype="float32"),
}
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
PROMPTS = [Prompt(tuple(range(length)), seed) for seed, length in enumerate([3, 40, 1, 17, 5, 5, 90])]


VLLM = [pytest.mark.vllm, pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")]
MARKS = {"vllm": VLLM, "vllm_servers": [*VLLM, pytest.mark.timeout(900)]}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=MARKS.get(name, ())) for name in ENGINES])
def engine(request):
    """One for all tests: every test has a policy of its own, and an engine takes whichever it is given."""
    if request.param == "vllm_servers":
        return ENGINES[request.param]([server.url for server in request.getfixturevalue("tiny_servers")])
    return ENGINES[request.param]()


@pytest.fixture
def policy(tokenizer):
    """Heads of 32, as vLLM has no smaller ones on CPU; tied, as that is where a transfer can forget the head."""
    return build_policy(len(tokenizer), tokenizer.eos_token_id, head_dim=32, tied=True)


def logps_of(policy, prompts, completions, temperature):
    found = completion_logps(policy, [p.ids for p in prompts], [c.ids for c in completions], temperature)
    return [line[: len(c.ids)].detach() for line, c in zip(found, completions, strict=True)]


def assert_sampled_from(policy, prompts, completions, temperature):
    for completion, expected in zip(completions, logps_of(policy, prompts, completions, temperature), strict=True):
        assert_close(torch.tensor(completion.logps), expected, **TOLERANCE)


def ids(completions):
    return [completion.ids for completion in completions]


@pytest.mark.parametrize("temperature", [0.6, 1.0])
def test_logps_are_those_of_the_sampling_distribution(engine, policy, temperature):
    completions = engine.generate(policy, PROMPTS, SamplingParams(temperature, 12), "test")
    assert_sampled_from(policy, PROMPTS, completions, temperature)


def test_greedy_is_the_argmax_of_the_policy_and_has_the_logps_of_temperature_1(engine, policy):
    completions = engine.generate(policy, PROMPTS, SamplingParams(0.0, 8), "test")
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        so_far = list(prompt.ids)
        for token in completion.ids:
            assert token == int(policy(torch.tensor([so_far])).logits[0, -1].argmax())
            so_far.append(token)
    assert_sampled_from(policy, PROMPTS, completions, 1.0)


def test_rollouts_of_a_question_differ_by_their_seeds(engine, policy):
    prompts = [Prompt((5, 6, 7), seed) for seed in range(6)]
    first = engine.generate(policy, prompts, SamplingParams(1.0, 12), "test")
    assert len(set(ids(first))) == 6
    assert ids(engine.generate(policy, prompts, SamplingParams(1.0, 12), "test")) == ids(first)


def test_a_seed_may_have_63_bits(engine, policy):
    prompts = [Prompt((5, 6, 7), seed) for seed in (0, 2**62 + 1, 2**63 - 1)]  # as derive_seed makes them
    assert len(set(ids(engine.generate(policy, prompts, SamplingParams(1.0, 12), "test")))) == 3


def test_a_seed_decides_its_completion_and_nothing_else_does(engine, policy):
    sampling = SamplingParams(1.0, 10)
    first = ids(engine.generate(policy, PROMPTS, sampling, "test"))
    assert ids(engine.generate(policy, PROMPTS, sampling, "test")) == first
    assert ids(engine.generate(policy, PROMPTS[::-1], sampling, "test"))[::-1] == first  # order is kept
    alone = [engine.generate(policy, [prompt], sampling, "test")[0].ids for prompt in PROMPTS]
    assert alone == first
    other = [Prompt(prompt.ids, prompt.seed + 100) for prompt in PROMPTS]
    assert ids(engine.generate(policy, other, sampling, "test")) != first


def test_sampling_follows_the_distribution(engine, policy):
    prompt, count = (7, 8, 9), 2000
    draws = engine.generate(policy, [Prompt(prompt, seed) for seed in range(count)], SamplingParams(0.8, 1), "test")
    counts = torch.bincount(torch.tensor([c.ids[0] for c in draws]), minlength=policy.config.vocab_size)
    expected = (policy(torch.tensor([prompt])).logits[0, -1] / 0.8).softmax(-1).detach()
    deviation = (counts / count - expected).abs() / (expected * (1 - expected) / count).sqrt().clamp(min=1e-3)
    assert deviation.max() < 5  # standard errors, the largest of 260 tokens


def test_stops_at_eos_and_reports_truncation(engine, policy, tokenizer):
    eos = tokenizer.eos_token_id
    with torch.no_grad():
        policy.lm_head.weight[eos] += 0.5 * policy.lm_head.weight.std() * torch.sign(policy.lm_head.weight.sum(0))
    completions = engine.generate(
        policy, [Prompt((1, 2, 3), seed) for seed in range(100)], SamplingParams(1.5, 60), "test"
    )
    finished = [c for c in completions if not c.truncated]
    assert finished and len(finished) < len(completions)
    assert all(c.ids[-1] == eos and eos not in c.ids[:-1] for c in finished)
    assert all(len(c.ids) == 60 and eos not in c.ids for c in completions if c.truncated)
    assert all(len(c.logps) == len(c.ids) for c in completions)


def test_any_of_several_eos_tokens_ends_a_completion(engine, policy):
    prompts = [Prompt((1, 2, 3), seed) for seed in range(20)]
    third = engine.generate(policy, prompts[:1], SamplingParams(1.0, 3), "test")[0].ids[2]
    ends = [policy.generation_config.eos_token_id, third]
    policy.generation_config.eos_token_id = ends
    completions = engine.generate(policy, prompts, SamplingParams(1.0, 20), "test")
    assert completions[0].ids[-1] == third and len(completions[0].ids) <= 3
    assert all(c.truncated == (c.ids[-1] not in ends) and not {*ends} & {*c.ids[:-1]} for c in completions)


def test_an_optimizer_step_is_sampled_from_at_once(engine, policy):
    before = engine.generate(policy, PROMPTS, SamplingParams(1.0, 6), "test")
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    policy(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss.backward()
    optimizer.step()
    after = engine.generate(policy, PROMPTS, SamplingParams(1.0, 6), "test")
    assert_sampled_from(policy, PROMPTS, after, 1.0)
    for completion, now in zip(before, logps_of(policy, PROMPTS, before, 1.0), strict=True):
        assert (torch.tensor(completion.logps) - now).abs().max() > 100 * TOLERANCE["atol"]  # the step was no small one


def test_two_policies_take_turns(engine, policy, tokenizer):
    """Training samples from the policy, Self-Ref from the one before training."""
    initial = build_policy(len(tokenizer), tokenizer.eos_token_id, seed=1, head_dim=32, tied=True)
    for model in (policy, initial, policy):
        assert_sampled_from(model, PROMPTS, engine.generate(model, PROMPTS, SamplingParams(1.0, 6), "test"), 1.0)


def test_the_models_own_generation_config_does_not_bend_the_distribution(engine, policy):
    plain = engine.generate(policy, PROMPTS, SamplingParams(1.0, 12), "test")
    policy.generation_config.repetition_penalty = 5.0
    policy.generation_config.top_k = 1
    assert ids(engine.generate(policy, PROMPTS, SamplingParams(1.0, 12), "test")) == ids(plain)


def test_no_prompts(engine, policy):
    assert engine.generate(policy, [], SamplingParams(1.0, 4), "test") == []


def test_a_prompt_too_long_is_refused_with_its_length(engine, policy):
    with pytest.raises(InputError, match="prompt of 510 tokens"):
        engine.generate(policy, [Prompt((1,)), Prompt((1,) * 510)], SamplingParams(1.0, 4), "test")


def test_a_prompt_and_its_completion_may_fill_the_window(engine, policy):
    [completion] = engine.generate(policy, [Prompt((1,) * 508)], SamplingParams(1.0, 4), "test")
    assert 1 <= len(completion.ids) <= 4


def test_no_eos_is_refused(engine, policy):
    policy.generation_config.eos_token_id = None
    with pytest.raises(InputError, match="eos_token_id"):
        engine.generate(policy, PROMPTS, SamplingParams(1.0, 4), "test")


def test_the_mode_of_the_policy_is_left_as_it_was(engine, policy):
    for training in (True, False):
        policy.train(training)
        engine.generate(policy, PROMPTS[:1], SamplingParams(1.0, 2), "test")
        assert policy.training is training
