"""The engine contract, on a real random model."""

import pytest
import torch
from torch.testing import assert_close

from p2o.engines import Sampling, TransformersEngine
from p2o.errors import InputError
from p2o.logprobs import completion_logps
from p2o.types import Prompt

PROMPTS = [Prompt(tuple(range(length)), seed) for seed, length in enumerate([3, 40, 1, 17, 5, 5, 90])]


@pytest.fixture(params=[2, 256])
def engine(request):
    return TransformersEngine(batch_size=request.param)


def logps_of(policy, prompts, completions, temperature):
    found = completion_logps(policy, [p.ids for p in prompts], [c.ids for c in completions], temperature)
    return [line[: len(c.ids)] for line, c in zip(found, completions, strict=True)]


@pytest.mark.parametrize("temperature", [0.6, 1.0])
def test_logps_are_those_of_the_sampling_distribution(engine, policy, temperature):
    completions = engine.generate(policy, PROMPTS, Sampling(temperature, 12), "test")
    for completion, expected in zip(completions, logps_of(policy, PROMPTS, completions, temperature), strict=True):
        assert_close(torch.tensor(completion.logps), expected, rtol=1e-4, atol=1e-4)


def test_greedy_is_the_argmax_of_the_policy(engine, policy):
    for prompt, completion in zip(PROMPTS, engine.generate(policy, PROMPTS, Sampling(0.0, 8), "test"), strict=True):
        ids = list(prompt.ids)
        for token in completion.ids:
            assert token == int(policy(torch.tensor([ids])).logits[0, -1].argmax())
            ids.append(token)


def test_a_seed_decides_its_completion_and_nothing_else_does(engine, policy):
    sampling = Sampling(1.0, 10)
    first = engine.generate(policy, PROMPTS, sampling, "test")
    assert engine.generate(policy, PROMPTS, sampling, "test") == first
    backwards = engine.generate(policy, PROMPTS[::-1], sampling, "test")[::-1]
    assert [c.ids for c in backwards] == [c.ids for c in first]  # order is kept
    alone = [engine.generate(policy, [prompt], sampling, "test")[0].ids for prompt in PROMPTS]
    assert alone == [c.ids for c in first]
    other = engine.generate(policy, [Prompt(p.ids, p.seed + 100) for p in PROMPTS], sampling, "test")
    assert [c.ids for c in other] != [c.ids for c in first]


def test_sampling_follows_the_distribution(policy):
    prompt = (7, 8, 9)
    draws = TransformersEngine(512).generate(
        policy, [Prompt(prompt, seed) for seed in range(4000)], Sampling(0.8, 1), "t"
    )
    counts = torch.bincount(torch.tensor([c.ids[0] for c in draws]), minlength=policy.config.vocab_size)
    expected = (policy(torch.tensor([prompt])).logits[0, -1] / 0.8).softmax(-1)
    deviation = (counts / 4000 - expected).abs() / (expected * (1 - expected) / 4000).sqrt().clamp(min=1e-3)
    assert deviation.max() < 5  # standard errors, the largest of 260 tokens


def test_stops_at_eos_and_reports_truncation(policy, tokenizer):
    eos = tokenizer.eos_token_id
    with torch.no_grad():
        policy.lm_head.weight[eos] += 0.5 * policy.lm_head.weight.std() * torch.sign(policy.lm_head.weight.sum(0))
    completions = TransformersEngine().generate(
        policy, [Prompt((1, 2, 3), seed) for seed in range(300)], Sampling(1.5, 60), "test"
    )
    finished = [c for c in completions if not c.truncated]
    assert finished and len(finished) < len(completions)
    assert all(c.ids[-1] == eos and eos not in c.ids[:-1] for c in finished)
    assert all(len(c.ids) == 60 and eos not in c.ids for c in completions if c.truncated)
    assert all(len(c.logps) == len(c.ids) for c in completions)


def test_new_weights_are_sampled_from_at_once(engine, policy):
    before = engine.generate(policy, PROMPTS, Sampling(1.0, 6), "test")
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(1.1)
    after = engine.generate(policy, PROMPTS, Sampling(1.0, 6), "test")
    for completion, expected in zip(after, logps_of(policy, PROMPTS, after, 1.0), strict=True):
        assert_close(torch.tensor(completion.logps), expected, rtol=1e-4, atol=1e-4)
    assert [c.logps for c in before] != [c.logps for c in after]


def test_the_models_own_generation_config_does_not_bend_the_distribution(engine, policy):
    plain = engine.generate(policy, PROMPTS, Sampling(1.0, 12), "test")
    policy.generation_config.repetition_penalty = 5.0
    policy.generation_config.top_k = 1
    assert [c.ids for c in engine.generate(policy, PROMPTS, Sampling(1.0, 12), "test")] == [c.ids for c in plain]


def test_no_prompts(engine, policy):
    assert engine.generate(policy, [], Sampling(1.0, 4), "test") == []


def test_a_prompt_too_long_is_refused_with_its_length(engine, policy):
    with pytest.raises(InputError, match="prompt of 510 tokens"):
        engine.generate(policy, [Prompt((1,) * 510)], Sampling(1.0, 4), "test")


def test_the_mode_of_the_policy_is_left_as_it_was(engine, policy):
    for training in (True, False):
        policy.train(training)
        engine.generate(policy, PROMPTS[:1], Sampling(1.0, 2), "test")
        assert policy.training is training
