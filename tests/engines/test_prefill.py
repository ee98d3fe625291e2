"""Prompts that begin alike: read as if each were alone, in fewer tokens."""

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, GPT2Config, Qwen3Config

from p2o.engines import SamplingParams, continuous_batching, prefill
from p2o.engines.continuous_batching import decode
from p2o.engines.prefill import read
from p2o.engines.transformers_generate import generate
from p2o.types import Prompt
from tiny_policy import build_policy

CONFIGS = {
    "qwen3": Qwen3Config(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=128,
        initializer_range=0.3,
    ),
    "absolute positions": GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128),
}
EOS = [11, 23, 24, 25, 26, 27, 40, 41, 42]


def ids(count: int, seed: int) -> tuple[int, ...]:
    return tuple(torch.randint(0, 97, (count,), generator=torch.Generator().manual_seed(seed)).tolist())


def templated(templates: int, questions: int) -> list[tuple[int, ...]]:
    """A common head, templates of several lengths, ragged questions."""
    return [
        ids(3, 0) + ids(4 + 9 * z, 1 + z) + ids(2 + x % 5, 100 + x) for x in range(questions) for z in range(templates)
    ]


PROMPTS = {
    "one template": templated(1, 12),
    "several templates": templated(4, 6),
    "prefixes of one another": [ids(20, 1)[:length] for length in (20, 1, 7, 19, 8)],
    "one alone": [ids(17, 1)],
    "nothing in common": [(number, *ids(12, number)) for number in range(5)],
    "nothing in common, ragged": [(number, *ids(3 * number, number)) for number in range(9)],
}


def build(name: str):
    torch.manual_seed(0)
    return build_policy(97, 0) if name == "llama" else AutoModelForCausalLM.from_config(CONFIGS[name]).float().eval()


def watch(policy) -> list[tuple[int, int]]:
    """Rows and tokens of each forward pass."""
    shapes = []
    policy.model.layers[0].mlp.register_forward_hook(lambda *call: shapes.append(tuple(call[-1].shape[:2])))
    return shapes


@pytest.mark.parametrize("policy", ["llama", *CONFIGS])
@pytest.mark.parametrize("prompts", PROMPTS)
@pytest.mark.parametrize("saved", [-1.0, prefill.SAVED, 2.0])  # always packed, where it pays, never packed
def test_rows_have_read_their_prompts_as_if_alone(policy, prompts, saved, monkeypatch):
    """In double precision: keys, values and logits are the same to the last bits."""
    monkeypatch.setattr(prefill, "SAVED", saved)
    model, prompts = build(policy).double(), PROMPTS[prompts]
    places = [*range(len(prompts)), 0, len(prompts) - 1, 0]
    with torch.no_grad():
        cache, mask, logits = read(model, prompts, places)
        for row, place in enumerate(places):
            alone = model(torch.tensor([prompts[place]]), use_cache=True)
            length = len(prompts[place])
            assert mask[row].tolist() == [False] * (mask.shape[1] - length) + [True] * length
            assert_close(logits[row], alone.logits[0, -1], rtol=1e-9, atol=1e-9)
            for layer, expected in zip(cache.layers, alone.past_key_values.layers, strict=True):
                assert_close(layer.keys[row, :, -length:], expected.keys[0], rtol=1e-9, atol=1e-9)
                assert_close(layer.values[row, :, -length:], expected.values[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("policy", ["llama", *CONFIGS])
@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("size", [5, 100])
def test_the_same_completions_as_generate(policy, temperature, size, monkeypatch):
    """Several templates, read in several parts, two rollouts each."""
    monkeypatch.setattr(continuous_batching, "PREFILL", 200)
    model, sampling = build(policy), SamplingParams(temperature, 14)
    prompts = [Prompt(prompt, seed) for seed, prompt in enumerate(templated(3, 7) * 2 + PROMPTS["one alone"])]
    found, expected = (dict(write(model, prompts, sampling, size, EOS)) for write in (decode, generate))
    for index, completion in expected.items():
        assert (found[index].ids, found[index].truncated) == (completion.ids, completion.truncated)
        assert_close(torch.tensor(found[index].logps), torch.tensor(completion.logps), rtol=1e-4, atol=1e-4)


def test_a_common_beginning_is_read_once():
    model = build("llama")
    shapes = watch(model)
    with torch.no_grad():
        read(model, [(*ids(30, 1), number, 5) for number in range(8)], range(8))
    assert shapes == [(1, 30 + 8 * 2)]


def test_prompts_without_one_are_read_side_by_side():
    model = build("llama")
    shapes = watch(model)
    with torch.no_grad():
        read(model, PROMPTS["nothing in common"], range(5))
    assert shapes == [(5, 13)]
