"""The decode loop against transformers' own generate, and what it saves."""

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen3Config

from p2o.engines import SamplingParams, TransformersEngine, continuous_batching
from p2o.engines import transformers as engine_module
from p2o.engines.continuous_batching import decode
from p2o.engines.transformers_generate import generate
from p2o.logprobs import completion_logps, onednn_linear, remove_training_noise
from p2o.types import Prompt
from tiny_policy import build_policy

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "vocab_size": 97,
}
CONFIGS = {
    "qwen3": Qwen3Config(**SIZES, head_dim=16),
    "absolute positions": GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128),
}


def make_prompts(count: int) -> list[Prompt]:
    """Six lengths, three seeds each, not in order."""
    return [Prompt(tuple((7 * i + n) % 90 for i in range(1 + 5 * (n % 6))), seed=n) for n in range(count)]


def watch(policy) -> list[tuple[int, int]]:
    """Rows and tokens of each forward pass."""
    shapes = []
    policy.model.layers[0].mlp.register_forward_hook(lambda *call: shapes.append(tuple(call[-1].shape[:2])))
    return shapes


@pytest.mark.parametrize("name", ["llama", *CONFIGS])
@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("size", [3, 7, 100])  # rows wait for places, or all are written at once
def test_the_same_completions_as_generate(name, temperature, size):
    torch.manual_seed(0)
    policy = build_policy(97, 0) if name == "llama" else AutoModelForCausalLM.from_config(CONFIGS[name]).float().eval()
    prompts, sampling, eos = make_prompts(18), SamplingParams(temperature, 14), [11, 23, 24, 25, 26, 27, 40, 41, 42]
    found = dict(decode(policy, prompts, sampling, size, eos))
    expected = dict(generate(policy, prompts, sampling, 100, eos))
    assert len({len(completion.ids) for completion in found.values()}) > 1  # rows ended at different times
    for index, completion in expected.items():
        assert (found[index].ids, found[index].truncated) == (completion.ids, completion.truncated)
        assert_close(torch.tensor(found[index].logps), torch.tensor(completion.logps), rtol=1e-4, atol=1e-4)


def test_a_prompt_is_read_once_and_finished_rows_leave(policy):
    shapes = []
    policy.model.layers[0].mlp.register_forward_hook(
        lambda module, args, output: shapes.append(tuple(output.shape[:2]))
    )
    prompts = [Prompt((1, 2, 3, 4), seed) for seed in range(40)] + [Prompt((5, 6), seed) for seed in range(40)]
    completions = dict(decode(policy, prompts, SamplingParams(1.0, 30), 256, range(0, 260, 8)))
    assert shapes[0] == (1, 4 + 2)  # without padding
    rows = [count for count, width in shapes[1:]]
    needed = [sum(len(c.ids) > step for c in completions.values()) for step in range(1, len(shapes))]
    assert sum(needed) <= sum(rows) <= sum(needed) * 8 / 7 + len(rows)
    assert all(width == 1 for _, width in shapes[1:])


def test_waiting_rows_take_the_places_of_finished_ones(policy):
    running = []
    policy.model.layers[0].mlp.register_forward_hook(
        lambda module, args, output: running.append(tuple(output.shape[:2]))
    )
    prompts = [Prompt((1, 2, 3, 4), seed) for seed in range(60)]
    assert len(dict(decode(policy, prompts, SamplingParams(1.0, 20), 16, range(0, 260, 8)))) == 60
    assert max(count for count, _ in running) <= 16
    steps = sum(width == 1 for _, width in running)
    one_after_the_other = 4 * 20
    assert steps < 0.8 * one_after_the_other


def test_long_prompts_are_read_in_parts(policy, monkeypatch):
    monkeypatch.setattr(continuous_batching, "PREFILL", 30)
    prompts = make_prompts(18)
    sampling = SamplingParams(1.0, 6)
    found = dict(decode(policy, prompts, sampling, 100, [0]))
    assert sorted(found) == list(range(18))
    for index, completion in found.items():
        expected = completion_logps(policy, [prompts[index].ids], [completion.ids], 1.0)[0].detach()
        assert_close(torch.tensor(completion.logps), expected, rtol=1e-4, atol=1e-4)


def test_what_has_windows_is_left_to_generate(monkeypatch):
    monkeypatch.setattr(engine_module, "decode", None)
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(MistralConfig(**SIZES, sliding_window=4)).float().eval()
    policy.generation_config.eos_token_id = 0
    prompts = make_prompts(6)
    for prompt, completion in zip(
        prompts, TransformersEngine().generate(policy, prompts, SamplingParams(0.0, 8), "test"), strict=True
    ):
        so_far = list(prompt.ids)
        for token in completion.ids:
            assert token == int(policy(torch.tensor([so_far])).logits[0, -1].argmax())
            so_far.append(token)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_the_same_completions_with_packed_weights(policy, temperature, monkeypatch):
    """This model is too small for them to be worth it."""
    prompts, sampling = make_prompts(12), SamplingParams(temperature, 14)
    expected = TransformersEngine(7).generate(policy, prompts, sampling, "")
    monkeypatch.setattr(onednn_linear, "WORTH", 0)
    found = TransformersEngine(7).generate(policy, prompts, sampling, "")
    assert [completion.ids for completion in found] == [completion.ids for completion in expected]
    logps = [torch.tensor([logp for completion in each for logp in completion.logps]) for each in (found, expected)]
    assert_close(*logps, rtol=1e-4, atol=1e-4)


WINDOW = 48
TO_THE_END = {
    "learned positions": GPT2Config(
        vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=WINDOW, initializer_range=0.3, eos_token_id=96
    ),
    "dynamic RoPE": LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.3,
        max_position_embeddings=WINDOW,
        eos_token_id=96,
        rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    ),
}


@pytest.mark.parametrize("kind", TO_THE_END)
def test_a_finished_row_is_not_read_on_beyond_the_window(kind):
    """It stays until one row in eight is done; gpt2 had no position for it, and dynamic RoPE turned all other rows."""
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(TO_THE_END[kind]).eval()
    remove_training_noise(policy)
    length = WINDOW // 2
    draws = torch.Generator().manual_seed(1)
    prompts = [Prompt(tuple(torch.randint(0, 95, (length,), generator=draws).tolist()), seed) for seed in range(120)]
    sampling = SamplingParams(1.0, WINDOW - length)
    together = dict(decode(policy, prompts, sampling, 16, [96]))
    alone = [dict(decode(policy, [prompt], sampling, 1, [96]))[0] for prompt in prompts]
    assert [together[n].ids for n in range(120)] == [one.ids for one in alone]
    lines = completion_logps(policy, [prompt.ids for prompt in prompts], [one.ids for one in alone], 1.0)
    for line, n in zip(lines, range(120), strict=True):
        assert_close(line[: len(together[n].ids)], torch.tensor(together[n].logps), atol=1e-4, rtol=0)
