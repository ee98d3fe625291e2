"""The check before a run: engine, trainer and the policy's own forward pass have the same log-probabilities."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GPT2Config, MistralConfig, RwkvConfig

from p2o.engines import SamplingParams, TransformersEngine
from p2o.engines.agreement import agreement, thresholds
from p2o.engines.bounds import BOUNDS, bound_of
from p2o.engines.canary import check_canary
from p2o.errors import InputError
from p2o.logprobs import ScoringPath, completion_logps, remove_training_noise, scoring_path
from p2o.logprobs import forward_pass as padded_module
from p2o.policy.adapters import LoRA
from p2o.types import Prompt

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "max_position_embeddings": 512,
    "eos_token_id": 96,
}


def build(config):
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(config).float().train()
    policy.generation_config.eos_token_id = 96
    return policy


class Wrong(TransformersEngine):
    """Log-probabilities that are off by some nats."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off = off

    def generate(self, policy, prompts, sampling, title):
        completions = super().generate(policy, prompts, sampling, title)
        return [replace(c, logps=tuple(logp + self.off for logp in c.logps)) for c in completions]


def test_one_line_says_which_path_was_chosen(policy):
    policy.train()
    line = agreement(policy, TransformersEngine(), 200, 0.7).line
    assert line.startswith("Log-probs of llama: packed path; engine ") and "rows of 3 to 48 tokens" in line
    assert scoring_path(policy) is ScoringPath.PACKED and policy.training


def test_rows_cross_the_thresholds_of_the_config(monkeypatch):
    policy = build(MistralConfig(**SIZES, sliding_window=100))
    assert thresholds(policy.config) == [100]
    lengths = []
    policy.model.layers[0].register_forward_pre_hook(lambda module, args: lengths.append(args[0].shape[1]))
    assert "padded path" in agreement(policy, TransformersEngine(), 400).line
    assert max(lengths) == 2 * 100 + 3 + 8
    lengths.clear()
    agreement(policy, TransformersEngine(), 60)  # a run that never gets there
    assert max(lengths) < 60


def test_a_path_that_is_wrong_on_long_rows_alone_is_left(monkeypatch):
    """A window that transformers forgets in a padded batch: short rows do not show it."""
    policy = build(Gemma3TextConfig(**SIZES, head_dim=8, sliding_window=64))
    assert scoring_path(policy) is ScoringPath.PADDED
    original = padded_module.accepted

    def forgetful(model, **arguments):
        if "attention_mask" in arguments and arguments["attention_mask"].shape[1] > 64:
            arguments["attention_mask"][:, -24:-12] = 0
        return original(model, **arguments)

    monkeypatch.setattr(padded_module, "accepted", forgetful)
    line = agreement(policy, TransformersEngine(), 200).line
    assert "unpadded path; padded (engine " in line and "did not agree" in line
    assert scoring_path(policy) is ScoringPath.UNPADDED


@pytest.mark.parametrize("off", [0.06, float("nan")])
def test_an_engine_that_is_wrong_is_refused(off, policy):
    with pytest.raises(InputError, match=r"expected the log-probabilities of Wrong .* packed .*padded .*unpadded"):
        agreement(policy, Wrong(off), 200)


def test_noise_in_training_is_refused():
    policy = build(GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128))
    with pytest.raises(InputError, match="in training mode"):
        agreement(policy, TransformersEngine(), 100)
    remove_training_noise(policy)
    agreement(policy, TransformersEngine(), 100)


def test_dropout_that_adapters_have_on_purpose_is_no_fault(policy):
    """It shows once the adapters change something: a run with it could begin and not be resumed."""
    LoRA(rank=2, dropout=0.5, base_dtype="float32")(policy)
    for name, parameter in policy.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    policy.train()
    agreement(policy, TransformersEngine(), 100)
    assert {part.p for part in policy.modules() if isinstance(part, torch.nn.Dropout)} == {0.5} and policy.training


def test_states_that_run_through_padding_are_scored_without():
    """RWKV heeds no mask; its padded log-probabilities were 10 nats off."""
    policy = build(RwkvConfig(vocab_size=97, hidden_size=32, num_hidden_layers=2, context_length=256))
    assert "unpadded path" in agreement(policy, TransformersEngine(), 200).line
    prompts = [Prompt(tuple(range(1, length)), length) for length in (5, 9, 9, 30)]
    completions = TransformersEngine().generate(policy, prompts, SamplingParams(1.0, 8), "")
    rows = [p.ids for p in prompts], [c.ids for c in completions], 1.0
    for line, completion in zip(completion_logps(policy, *rows), completions, strict=True):
        assert (line[: len(completion.ids)] - torch.tensor(completion.logps)).abs().max() < 1e-4


def test_a_policy_in_shards_is_not_scored_a_row_at_a_time(monkeypatch):
    """Processes with other numbers of rows would make other numbers of passes, and wait for each other."""
    policy = build(RwkvConfig(vocab_size=97, hidden_size=32, num_hidden_layers=2, context_length=256))
    monkeypatch.setattr("p2o.engines.agreement.is_sharded", lambda policy: True)
    with pytest.raises(InputError, match=r"a row at a time\. Train it without shards"):
        agreement(policy, TransformersEngine(), 200)


def test_mixed_precision_is_held_to_its_own_bound(policy):
    assert agreement(policy, TransformersEngine(), 100).exact
    with torch.autocast("cpu", torch.bfloat16):
        found = agreement(policy, TransformersEngine(), 100)
    assert str(BOUNDS[torch.bfloat16]) in found.line
    assert not found.exact  # π_old is scored by the trainer then
    with pytest.raises(InputError), torch.autocast("cpu", torch.bfloat16):
        agreement(policy, Wrong(0.3), 100)


def test_logits_that_a_low_temperature_stretches_have_their_rounding_stretched_too(policy):
    wrong, rows = Wrong(0.15), ([Prompt((5, 6, 7), 0)], SamplingParams(0.5, 8))
    completions = wrong.generate(policy, *rows, "")
    with torch.autocast("cpu", torch.bfloat16):
        assert "(bound: 0.2 nats in the mean and 3 at most)" in agreement(policy, wrong, 100, 0.5).line
        check_canary(policy, wrong, rows[0], completions, 0.5)
        for temperature in (0.0, 1.0, 2.0):  # 0: of greedy completions the log-probabilities are those of 1
            assert bound_of(policy, temperature) == BOUNDS[torch.bfloat16]
            with pytest.raises(InputError):
                agreement(policy, wrong, 100, temperature)
            with pytest.raises(InputError):
                check_canary(policy, wrong, rows[0], wrong.generate(policy, rows[0], SamplingParams(1.0, 8), ""), 1.0)
    assert bound_of(policy, 0.5) == BOUNDS[torch.float32]  # which leaves room for twenty times its rounding
    assert not agreement(policy, TransformersEngine(), 100, 0.5).line.count("0.2 nats")


@pytest.mark.parametrize(("precision", "dtype"), [("highest", torch.float32), ("medium", torch.bfloat16)])
def test_shortened_products_are_held_to_their_own_bound(policy, precision, dtype, monkeypatch):
    """On a CPU that has such instructions, "medium" computes them in bfloat16; 135M parameters were 0.05 nats apart."""
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: precision)
    assert str(BOUNDS[dtype]) in agreement(policy, TransformersEngine(), 100).line


def test_what_the_generation_config_asks_for_is_named_once(policy):
    policy.generation_config.forced_eos_token_id = 256
    with pytest.warns(UserWarning, match="forced_eos_token_id=256"):
        agreement(policy, TransformersEngine(), 100)


def test_the_generator_of_the_run_is_left_alone(policy):
    before = torch.get_rng_state()
    agreement(policy, TransformersEngine(), 100)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in policy.parameters())
