"""The packed path against the padded one: log-probs, loss and gradient on real random models."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    Mamba2Config,
    MambaConfig,
    MistralConfig,
    MptConfig,
    NemotronConfig,
    Qwen3Config,
)

from p2o.engines import SamplingParams, TransformersEngine
from p2o.logprobs import (
    ScoringPath,
    choose_path,
    completion_logps,
    completion_logps_and_entropies,
    onednn_linear,
    recompute_activations,
    scoring_path,
)
from p2o.logprobs.forward_pass import padded_logps, padded_logps_and_entropies
from p2o.logprobs.packable import packable
from p2o.objective.context_estimators import Masked, Templated
from p2o.objective.losses import ClippedLoss
from p2o.objective.objective import Objective
from p2o.objective.rows import TrainingSample
from p2o.types import Prompt

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}
PACKED = {
    "llama": LlamaConfig(**SIZES),
    "llama, tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "llama, tied, with padding": LlamaConfig(**SIZES, tie_word_embeddings=True, pad_token_id=11),
    "qwen3": Qwen3Config(**SIZES, head_dim=16),
    "absolute positions": GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128),
}
PADDED = {
    "sliding window": MistralConfig(**SIZES, sliding_window=8),
    "soft-capped, windows in some layers": Gemma2Config(**SIZES, head_dim=8),
    "windows in some layers": Qwen3Config(**SIZES, use_sliding_window=True, max_window_layers=1, sliding_window=8),
}


def build(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).float().eval()


def ids(count: int, seed: int) -> tuple[int, ...]:
    return tuple(torch.randint(0, 97, (count,), generator=torch.Generator().manual_seed(seed)).tolist())


def make_rows(templated: bool) -> list[TrainingSample]:
    """Three groups of ragged rows, not sorted; some templates are shared, one completion is a single token."""
    questions, templates = [ids(n, n) for n in (5, 2, 9)], [ids(4, 50), ids(7, 51), ()]
    rows = []
    for number, length in enumerate([6, 13, 1, 7, 12, 3, 8, 2, 10]):
        bare = questions[number % 3]
        prompt = templates[number % 4 % 3] + bare if templated else bare
        rows.append(TrainingSample(bare, prompt, ids(length, 100 + number), (-1) ** number * (0.5 + number / 5)))
    return rows


def loss_and_gradient(policy, rows, estimator):
    objective = Objective(estimator, ClippedLoss(), 0.7)
    policy.zero_grad()
    old = objective.old_logps(policy, rows, 100, on_policy=True)
    terms = objective(policy, rows, old, 50.0)
    terms.loss.backward()
    return float(terms.loss.detach()), {name: p.grad.clone() for name, p in policy.named_parameters()}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("templated", [False, True])
@pytest.mark.parametrize("estimator", [Masked(0.2, 5.0), Templated()])
def test_same_loss_and_gradient_as_the_padded_path(name, templated, estimator):
    """In float32, to 1e-5 of the loss and 1e-5 of each parameter's largest gradient."""
    policy, rows = build(PACKED[name]), make_rows(templated)
    assert packable(policy)
    loss, grads = loss_and_gradient(policy, rows, estimator)
    choose_path(policy, ScoringPath.PADDED)
    expected_loss, expected = loss_and_gradient(policy, rows, estimator)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for parameter, grad in expected.items():
        assert_close(grads[parameter], grad, rtol=0, atol=1e-5 * float(grad.abs().max()))


@pytest.mark.parametrize("name", PACKED)
def test_double_precision_leaves_no_difference_but_the_head_s(name):
    """What attention is given is the same to the last bits; the head works in float32 on both paths."""
    policy, rows = build(PACKED[name]).double(), make_rows(True)
    arguments = [row.prompt_ids for row in rows], [row.completion_ids for row in rows], 0.6
    found, expected = completion_logps(policy, *arguments), padded_logps(policy, *arguments)
    for row, line, wanted in zip(rows, found, expected, strict=True):
        assert_close(line[: len(row.completion_ids)], wanted[: len(row.completion_ids)], rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("name", PACKED)
def test_same_entropies_and_gradient_as_the_padded_path(name):
    policy, rows = build(PACKED[name]), make_rows(True)
    arguments = [row.prompt_ids for row in rows], [row.completion_ids for row in rows], 0.6
    grads = []
    for score in (completion_logps_and_entropies, padded_logps_and_entropies):
        policy.zero_grad()
        both = score(policy, *arguments)
        kept = [part[i, : len(row.completion_ids)] for part in both for i, row in enumerate(rows)]
        torch.cat(kept).square().sum().backward()
        grads.append((torch.cat(kept).detach(), [parameter.grad.clone() for parameter in policy.parameters()]))
    assert_close(grads[0][0], grads[1][0], rtol=1e-4, atol=1e-5)
    for found, expected in zip(grads[0][1], grads[1][1], strict=True):
        assert_close(found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", PADDED)
def test_what_cannot_be_packed_is_padded(name):
    policy, rows = build(PADDED[name]), make_rows(True)
    assert scoring_path(policy) is ScoringPath.PADDED
    arguments = [row.prompt_ids for row in rows], [row.completion_ids for row in rows], 0.6
    assert torch.equal(completion_logps(policy, *arguments), padded_logps(policy, *arguments))


def test_the_check_sees_a_head_that_is_more_than_its_weight(policy):
    assert packable(policy)
    torch.manual_seed(1)
    other = build(LlamaConfig(**SIZES))
    other.lm_head.register_forward_hook(lambda module, args, logits: 30 * (logits / 30).tanh())
    assert not packable(other)


def test_the_check_sees_attention_that_asks_for_more(policy):
    attention = policy.model.layers[1].self_attn
    attention.forward = partial(attention.forward, s_aux=torch.ones(4))  # attention sinks, as GPT-OSS has them
    assert not packable(policy)


def test_the_check_leaves_no_trace(policy):
    policy.train()
    before = torch.get_rng_state()
    implementation = policy.config._attn_implementation
    assert packable(policy)
    assert torch.equal(torch.get_rng_state(), before)
    assert policy.training and policy.config._attn_implementation == implementation
    assert all(parameter.grad is None for parameter in policy.parameters())


@pytest.mark.parametrize("name", PACKED | PADDED)
def test_recomputed_activations_change_nothing(name):
    kept, recomputed = (build((PACKED | PADDED)[name]).train() for _ in range(2))
    recompute_activations(recomputed)
    calls = {kept: 0, recomputed: 0}
    for policy in calls:
        for part in policy.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        packable(policy)
        mlp = next(part for part in policy.modules() if part.__class__.__name__.endswith("MLP"))
        mlp.register_forward_pre_hook(lambda *args, policy=policy: calls.update({policy: calls[policy] + 1}))
    (loss, grads), (again, grads_again) = (loss_and_gradient(policy, make_rows(True), Masked()) for policy in calls)
    assert loss == again and all(torch.equal(grads[key], grads_again[key]) for key in grads)
    assert calls[recomputed] == calls[kept] + 1


def test_a_shared_prompt_is_computed_once(policy, monkeypatch):
    tokens = []
    policy.model.layers[0].mlp.register_forward_hook(lambda module, args, output: tokens.append(output.shape[:-1]))
    assert packable(policy)
    tokens.clear()
    completion_logps(policy, [ids(9, 1)] * 4 + [ids(5, 2)], [ids(n, n) for n in (3, 8, 1, 2, 4)], 1.0)
    assert tokens == [(1, 9 + 5 + 2 + 7 + 0 + 1 + 3)]  # the last token of a completion predicts nothing


@pytest.mark.parametrize("temperature", [0.1, 3.0])
def test_temperature(policy, temperature):
    arguments = [ids(4, 1)], [ids(6, 2)], temperature
    assert_close(completion_logps(policy, *arguments), padded_logps(policy, *arguments), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PACKED)
def test_the_same_with_fast_products(name, monkeypatch):
    """These models are too small for them to be worth it."""
    policy, rows = build(PACKED[name]), make_rows(templated=True)
    loss, grads = loss_and_gradient(policy, rows, Masked(0.2, 5.0))
    monkeypatch.setattr(onednn_linear, "WORTH", 0)
    found, others = loss_and_gradient(policy, rows, Masked(0.2, 5.0))
    assert found == pytest.approx(loss, rel=1e-5)
    for parameter, grad in grads.items():
        assert_close(others[parameter], grad, rtol=1e-4, atol=1e-5 * float(grad.abs().max()), msg=parameter)


def test_a_tied_weight_has_the_padded_path_s_gradient_in_mixed_precision():
    policy, rows = build(PACKED["llama, tied"]), make_rows(templated=True)
    assert packable(policy)
    with torch.autocast("cpu", torch.bfloat16):
        _, found = loss_and_gradient(policy, rows, Templated())
        choose_path(policy, ScoringPath.PADDED)
        _, expected = loss_and_gradient(policy, rows, Templated())
    for parameter, grad in expected.items():
        assert found[parameter].dtype == torch.float32
        assert (found[parameter] - grad).norm() < 0.05 * grad.norm(), parameter


def test_one_gradient_of_a_tied_weight():
    """No second tensor of its size is made while the layers go backward: the embedding adds to the head's."""
    policy = build(PACKED["llama, tied"])
    weight, made = policy.get_output_embeddings().weight, set()
    logps = completion_logps(policy, [(1, 2)] * 2, [(3, 4, 5), (6, 7)], 1.0)

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if torch.is_tensor(out) and out.shape == weight.shape:
                made.add(out.data_ptr())
            return out

    with Watch():
        torch.autograd.grad(logps.sum(), [weight])
    assert len(made - {weight.data_ptr()}) == 1


def test_layers_that_do_not_hand_on_what_attention_needs_are_padded():
    """Nemotron's: packing them was a TypeError in the fit."""
    config = NemotronConfig(**SIZES, head_dim=8)
    policy, rows = build(config), make_rows(True)
    arguments = [row.prompt_ids for row in rows], [row.completion_ids for row in rows], 0.6
    assert_close(completion_logps(policy, *arguments), padded_logps(policy, *arguments))


@pytest.mark.parametrize("kind", [BloomConfig, MptConfig, MambaConfig, Mamba2Config])
def test_configs_that_name_no_window(kind):
    sizes = {"hidden_size": 32, "vocab_size": 97, "num_hidden_layers": 2, "n_layers": 2, "d_model": 32, "n_heads": 4}
    heads = {"num_heads": 8, "head_dim": 8, "n_groups": 2} if kind is Mamba2Config else {"n_head": 4}
    policy = build(kind(**sizes, **heads)).train()
    policy.generation_config.eos_token_id = 96
    prompts = [Prompt(ids(length, length), length) for length in (3, 8, 5)]
    completions = TransformersEngine().generate(policy, prompts, SamplingParams(1.0, 6), "")
    rows = [prompt.ids for prompt in prompts], [completion.ids for completion in completions], 1.0
    for line, completion in zip(completion_logps(policy, *rows), completions, strict=True):
        assert_close(line[: len(completion.ids)].detach(), torch.tensor(completion.logps), rtol=1e-4, atol=1e-4)
