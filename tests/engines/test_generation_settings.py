"""A generation config ends completions and bends none, on every path."""

import pytest

from p2o.engines import SamplingParams, TransformersEngine
from p2o.engines.generation_settings import ignored_settings
from p2o.logprobs import ScoringPath, choose_path
from p2o.types import Prompt

SHAPING = {
    "repetition_penalty": 5.0,
    "no_repeat_ngram_size": 1,
    "encoder_repetition_penalty": 3.0,
    "bad_words_ids": [[n] for n in range(0, 250, 2)],
    "suppress_tokens": list(range(0, 250, 2)),
    "begin_suppress_tokens": list(range(0, 250, 2)),
    "sequence_bias": [[[n], 5.0] for n in range(0, 250, 2)],
    "forced_bos_token_id": 7,
    "forced_eos_token_id": 256,
    "exponential_decay_length_penalty": [1, 3.0],
    "min_new_tokens": 9,
    "min_length": 60,
    "guidance_scale": 3.0,
    "temperature": 0.1,
    "top_k": 1,
    "top_p": 0.1,
    "min_p": 0.9,
    "typical_p": 0.1,
    "epsilon_cutoff": 0.5,
    "num_beams": 3,
    "num_return_sequences": 3,
    "do_sample": True,
    "stop_strings": ["a"],
    "max_time": 1e-9,
    "max_length": 5,
    "use_cache": False,
    "prompt_lookup_num_tokens": 3,
    "token_healing": True,
    "return_dict_in_generate": True,
    "output_scores": True,
    "renormalize_logits": True,
    "prefill_chunk_size": 2,
    "cache_implementation": "static",
}
PROMPTS = [Prompt(tuple(range(length)), seed) for seed, length in enumerate([3, 40, 1, 5, 5])]


@pytest.mark.parametrize("path", ScoringPath)
@pytest.mark.parametrize("name", SHAPING)
def test_it_changes_no_completion(path, name, policy):
    choose_path(policy, path)
    plain = TransformersEngine().generate(policy, PROMPTS, SamplingParams(1.0, 12), "")
    setattr(policy.generation_config, name, SHAPING[name])
    assert TransformersEngine().generate(policy, PROMPTS, SamplingParams(1.0, 12), "") == plain
    assert getattr(policy.generation_config, name) == SHAPING[name]


@pytest.mark.parametrize("path", ScoringPath)
def test_its_eos_ids_end_completions(path, policy):
    choose_path(policy, path)
    third = TransformersEngine().generate(policy, PROMPTS[:1], SamplingParams(1.0, 3), "")[0].ids[2]
    policy.generation_config.eos_token_id = [policy.generation_config.eos_token_id, third]
    [completion] = TransformersEngine().generate(policy, PROMPTS[:1], SamplingParams(1.0, 12), "")
    assert completion.ids[-1] == third and len(completion.ids) <= 3 and not completion.truncated


def test_what_few_models_carry_is_named(policy):
    for name, value in {"temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": True}.items():
        setattr(policy.generation_config, name, value)
    assert ignored_settings(policy) == ""
    policy.generation_config.forced_eos_token_id = 256
    policy.generation_config.stop_strings = ["\n\n"]
    assert "forced_eos_token_id=256, stop_strings=['\\n\\n']" in ignored_settings(policy)
