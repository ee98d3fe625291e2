"""What is random in training alone: dropout and jitter."""

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, FalconConfig, GPT2Config, LlamaConfig, MixtralConfig, OPTConfig

from p2o.logprobs import completion_logps, remove_training_noise

SIZES = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
CONFIGS = {
    "gpt2's defaults": GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "attention dropout": LlamaConfig(**SIZES, intermediate_size=48, num_key_value_heads=2, attention_dropout=0.3),
    "read from the config": FalconConfig(**SIZES, attention_dropout=0.3, hidden_dropout=0.3),
    "router jitter": MixtralConfig(**SIZES, num_key_value_heads=2, num_local_experts=4, router_jitter_noise=0.3),
    "layers left out": OPTConfig(**SIZES, ffn_dim=48, word_embed_proj_dim=32, layerdrop=0.5, dropout=0.3),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_update_computes_what_the_rollout_sampled_from(name):
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(CONFIGS[name]).float()
    rows = [tuple(range(4, 12))] * 2, [tuple(range(20, 40)), (7, 8, 9)], 1.0
    expected = completion_logps(policy.eval(), *rows)
    assert not torch.allclose(completion_logps(policy.train(), *rows)[0], expected[0], atol=1e-5)
    assert remove_training_noise(policy)
    assert_close(completion_logps(policy.train(), *rows)[0], expected[0], rtol=1e-4, atol=1e-5)
    assert remove_training_noise(policy) == []
