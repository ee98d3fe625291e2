"""A tiny random policy of each decoder architecture of transformers, and what p2o makes of it.

PYTHONPATH=tests/survey python -m architectures > docs/reference/architectures.md
"""

import re
import sys
import textwrap
import warnings
from dataclasses import dataclass

import torch
import transformers
from huggingface_hub.errors import StrictDataclassClassValidationError
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from p2o.engines import SamplingParams, TransformersEngine
from p2o.engines.agreement import agreement
from p2o.engines.scored import scored
from p2o.engines.transformers_generate import generate
from p2o.errors import InputError
from p2o.logprobs import ScoringPath, completion_logps, remove_training_noise, scoring_path, settle_rope
from p2o.logprobs.forward_pass import unpadded_logps
from p2o.types import Prompt

VOCABULARY, EOS, LONGEST = 97, 3, 200
NAMES = sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
# Sizes by what configs call them; larger ones become this small, and all sizes are of one kind of model.
SMALL = {
    r"^(vocab_size|n_vocab|vocab_size_per_layer_input|unpadded_vocab_size)$": VOCABULARY,
    r"^(hidden_size|d_model|n_embd|dim|embedding_size|word_embed_proj_dim|emb_dim|model_dim)$": 64,
    r"^(num_hidden_layers|n_layers?|num_layers|(de|en)coder_layers|num_(de|en)coder_layers)$": 2,
    r"^(num_attention_heads|n_heads?|(de|en)coder_attention_heads|num_(de|en)coder_attention_heads)$": 4,
    r"(^num_key_value_heads|n_head_kv|num_kv_heads|_num_key_value_heads|num_global_key_value_heads)$": 2,
    r"(head_dim|kv_channels|rotary_dim)$": 16,
    r"(ffn_dim|^d_ff|^n_inner|^dff|ffn_hidden_size|intermediate_size|ffn_size)": 64,
    r"^(num_local_experts|num_experts|n_routed_experts|moe_num_experts|num_routed_experts)$": 4,
    r"^(num_experts_per_tok|num_experts_per_token|moe_k|moe_topk|top_k_experts|moe_top_k)$": 2,
    r"^(q_lora_rank|kv_lora_rank|index_head_dim|shape_embed_dim|.*_embed_dim)$": 16,
    r"^(index_n_heads|mamba_n_heads)$": 4,
    r"^mamba_num_heads$": 8,
    r"^mamba_d_ssm$": 128,
    r"^lru_width$": 64,
    r"(state_size|d_state)$": 16,
    r"(window|attention_chunk_size|attention_window_size|block_size|_chunk_size|^chunk_size)$": 24,
    r"^(max_position_embeddings|n_positions)$": 512,
}
# What a kind's own rules ask for; hybrids are given layers of both sorts.
LATENT = {"num_key_value_heads": 4}
FOUR = {"num_hidden_layers": 4}
HYBRID = {**FOUR, "layer_types": ["linear_attention", "full_attention"] * 2}
SPARSE = {**HYBRID, "mlp_layer_types": ["dense", "sparse"] * 2}
BLOCKS = {**FOUR, "layers_block_type": ["linear_attention", "hybrid"] * 2}
LATENT_KINDS = """axk1 axk2 deepseek_v2 deepseek_v3 deepseek_v32 dots3_note_text glm4_moe_lite minicpm3 sarvam_mla youtu
    glm_moe_dsa longcat_flash""".split()
HYBRID_KINDS = "granitemoehybrid qwen3_5_text qwen3_5_moe_text qwen3_next".split()
SPECIAL: dict[str, dict[str, object]] = {
    **dict.fromkeys(LATENT_KINDS, LATENT),
    **dict.fromkeys(HYBRID_KINDS, HYBRID),
    "axk1": {**LATENT, "n_group": 2, "topk_group": 1},
    "bailing_hybrid": {**SPARSE, **LATENT, "num_expert_group": 1, "topk_group": 1},
    "bamba": {**FOUR, "attn_layer_indices": [1, 3]},
    "codegen": {"rotary_dim": 8},
    "deepseek_v2": {**LATENT, "num_experts_per_tok": 2},
    "diffllama": {"attention_dropout": 0.0},
    "dots1": {"head_dim": 16, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "gemma3n_text": {**FOUR, "num_kv_shared_layers": 0, "hidden_size_per_layer_input": 8, "laurel_rank": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 8},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16},
    "jamba": {**FOUR, "attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": {**SPARSE, **LATENT},
    "lfm2": {**FOUR, "layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {**FOUR, "layer_types": ["conv", "full_attention"] * 2, "num_dense_layers": 1},
    "lfm3": {**FOUR, "layer_types": ["conv", "full_attention", "conv", "sliding_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 16, "n_groups": 2, "state_size": 16},
    "ministral": {"head_dim": 16},
    "nemotron": {"head_dim": 16, "num_key_value_heads": 2},
    "qwen4_exp_text": {**FOUR, "layer_types": ["linear_attention", "indexed_attention"] * 2},
    "recurrent_gemma": {"num_hidden_layers": 3},
    "zamba": BLOCKS,
    "zamba2": BLOCKS,
}


@dataclass(frozen=True)
class Verdict:
    """What came of an architecture."""

    name: str
    made: bool  # whether a tiny model could be made of its config
    path: ScoringPath | None  # None: refused
    note: str = ""


class NotMadeError(Exception):
    """A tiny model of the architecture cannot be made without more knowledge of its config."""


def tiny_config(name: str, **changes: object):
    kind = CONFIG_MAPPING[name]
    try:
        config = kind()
        if config.get_text_config() is not config:
            raise NotMadeError("several modalities; its text part has an architecture of its own")
    except (ValueError, TypeError, StrictDataclassClassValidationError) as error:
        raise NotMadeError(_short(error)) from error
    sizes: dict[str, object] = {}
    for key, value in config.to_dict().items():
        if key != "is_decoder" and isinstance(value, int) and not isinstance(value, bool):
            if key.endswith("_token_id"):
                sizes[key] = EOS if key == "eos_token_id" else 1
            small = next((small for pattern, small in SMALL.items() if re.search(pattern, key)), value)
            sizes |= {key: small} if small < value else {}
        elif key == "is_decoder":
            sizes[key] = True
        elif isinstance(value, float) and value < 1 and re.search("drop|jitter", key):
            sizes[key] = 0.3  # as if every checkpoint were noisy in training
        elif re.search("initializer_range|init_std", key) and isinstance(value, float):
            sizes[key] = 0.2  # clearly different distributions
    sizes = sizes | {"eos_token_id": EOS} | SPECIAL.get(name, {}) | changes
    try:
        return kind(**sizes)
    except (ValueError, TypeError, AttributeError, KeyError, StrictDataclassClassValidationError) as error:
        raise NotMadeError(_short(error)) from error


def tiny_policy(name: str, **changes: object) -> PreTrainedModel:
    """In float32, with the noise that p2o removes already removed, ready for rows of LONGEST tokens."""
    config = tiny_config(name, **changes)
    torch.manual_seed(0)
    try:
        with torch.device("meta"):
            size = sum(parameter.numel() for parameter in AutoModelForCausalLM.from_config(config).parameters())
        if size > 6e6:
            raise NotMadeError(f"{size / 1e6:.0f} million parameters at least")
        policy = AutoModelForCausalLM.from_config(config).float()
        with torch.no_grad():
            policy(input_ids=torch.arange(5, 17).unsqueeze(0))
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        AssertionError,
        RuntimeError,
        IndexError,
        ImportError,
    ) as error:
        raise NotMadeError(_short(error)) from error
    policy.generation_config.eos_token_id = EOS
    remove_training_noise(policy)
    settle_rope(policy, LONGEST)
    return policy.train()


def verdict(name: str) -> Verdict:
    try:
        policy = tiny_policy(name)
    except NotMadeError as error:
        return Verdict(name, False, None, str(error))
    except InputError as error:
        return Verdict(name, True, None, _short(error))
    try:
        agreement(policy, TransformersEngine(), LONGEST, 0.8)
    except InputError as error:
        return Verdict(name, True, None, _short(error))
    except (RuntimeError, ValueError, IndexError) as error:
        return Verdict(name, True, None, f"fails within transformers: {_short(error)}")
    check(policy)
    return Verdict(name, True, scoring_path(policy))


def check(policy: PreTrainedModel) -> None:
    """Engine, trainer, `generate` and the plain forward pass agree on more rows than those of the agreement."""
    prompts = [Prompt(tuple((7 * i + n) % 90 + 4 for i in range(2 + 11 * (n % 8))), seed=n) for n in range(12)]
    sampling, eos = SamplingParams(0.8, 30), [EOS, 5, 6, 7]
    policy.generation_config.eos_token_id = eos
    completions = TransformersEngine(5).generate(policy, prompts, sampling, "")
    padded = scoring_path(policy) is not ScoringPath.UNPADDED
    expected = dict(generate(policy.eval(), prompts, sampling, 12, eos, padded))
    assert [completion.ids for completion in completions] == [expected[n].ids for n in range(len(prompts))]
    ids = [prompt.ids for prompt in prompts]
    with torch.no_grad():
        own = scored(policy, unpadded_logps, ids, completions, 0.8)
    by_engine = torch.tensor([logp for completion in completions for logp in completion.logps])
    policy.train()  # as in the update
    lines = completion_logps(policy, ids, [completion.ids for completion in completions], 0.8)
    by_trainer = torch.cat([line[: len(y.ids)] for line, y in zip(lines, completions, strict=True)])
    by_trainer.mean().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in policy.parameters())
    assert float((by_engine - own).abs().max()) < 2e-3
    assert float((by_trainer.detach() - own).abs().max()) < 2e-3


def _short(error: Exception) -> str:
    """One line of a message, fit for a table; figures differ from machine to machine."""
    text = " ".join(f"{error}".split()).replace("|", "/") or type(error).__name__
    if "by up to" in text:
        return "computes otherwise in training mode"
    return "decoding differs from the forward pass" if "The largest differences" in text else text[:120]


INTRODUCTION = """# Architectures

Before a fit starts, p2o samples a few tokens of the policy and holds the log-probabilities of the rollout engine and
of the trainer against the policy's own forward pass (`p2o.engines.agreement`). It takes the fastest of three paths on
which they agree, says which in one line, and refuses the model if there is none:

* **packed**: rows behind each other without padding, shared beginnings of prompts once, a head that never holds all
  logits; rollouts by p2o's own continuous batching.
* **padded**: batches of rows with a mask; rollouts by transformers' `generate`, in batches.
* **unpadded**: one row at a time, in scoring and in rollouts. Right, and slow.

This page is made from tiny random models of every architecture that transformers {version} registers as a causal
language model, in float32, with `TransformersEngine`: engine, trainer (in training mode), `generate` and the plain
forward pass were compared on ragged rows within and beyond windows and chunks. A model of real size and weights may
still take another path: what counts is the line of its own run.

## Supported

| path | architectures |
|---|---|
{supported}

## Refused

| architecture | why |
|---|---|
{refused}

## Not surveyed

Models of several modalities, whose text part has an architecture of its own in the tables above, and those of which no
tiny model was made by shrinking the sizes of its config:

{unmade}
"""


def page(verdicts: list[Verdict]) -> str:
    by_path = {path: [v.name for v in verdicts if v.path is path] for path in ScoringPath}
    supported = [f"| {path} ({len(names)}) | {', '.join(names)} |" for path, names in by_path.items()]
    refused = [f"| {v.name} | {v.note} |" for v in verdicts if v.made and v.path is None]
    unmade = textwrap.fill(", ".join(v.name for v in verdicts if not v.made) + ".", 120)
    return INTRODUCTION.format(
        version=transformers.__version__, supported="\n".join(supported), refused="\n".join(refused), unmade=unmade
    )


def quiet() -> None:
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()


if __name__ == "__main__":
    quiet()
    found = []
    for name in NAMES:
        print(found[-1:] or "", file=sys.stderr, flush=True)
        found.append(verdict(name))
    print(page(found), end="")
