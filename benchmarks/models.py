"""Random models of real shapes for benchmarks, with a tokenizer that has a token for each word "w123"."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, PreTrainedTokenizerFast, Qwen3Config

SHAPES: dict[str, PretrainedConfig] = {
    "micro": LlamaConfig(
        vocab_size=896, hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, tie_word_embeddings=True,
    ),
    "llama-135m": LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True,
    ),
    "qwen3-0.6b": Qwen3Config(
        vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
        num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
    ),
}  # fmt: skip
SPECIAL = ["<eos>", "<pad>"]  # ids 0 and 1


def save_model(shape: str, folder: Path, ends: float, dtype: str = "float32") -> None:
    """Writes a model of random weights whose every token ends the completion with probability `ends`, about."""
    torch.manual_seed(0)
    config = SHAPES[shape]
    model = AutoModelForCausalLM.from_config(config).to(getattr(torch, dtype))
    count = round(ends * config.vocab_size)
    model.generation_config.eos_token_id = [0, *range(2, 2 + count)]
    model.generation_config.pad_token_id = 1
    model.save_pretrained(folder)
    words = SPECIAL + [f"w{number}" for number in range(len(SPECIAL), config.vocab_size)]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=words[-1]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<eos>",
        pad_token="<pad>",
        chat_template="{% for message in messages %}{{ message.content }}{% endfor %}",
    ).save_pretrained(folder)


def make_prompts(shape: str, count: int, length: int) -> list[str]:
    """Prompts of random words, none of which ends a completion."""
    vocabulary = SHAPES[shape].vocab_size
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(vocabulary // 2, vocabulary, (count, length), generator=generator)
    return [" ".join(f"w{number}" for number in row) for row in ids.tolist()]


def prepare(shape: str, folder: Path, steps: int, questions: int, ends: float = 0.0, **others: Any) -> dict[str, Any]:  # noqa: ANN401 (settings of a worker)
    """Writes a model and the prompts of some steps; the settings of a worker that takes them."""
    settings = {
        "model": str(folder / "model"),
        "prompts": str(folder / "prompts.json"),
        "prompt_length": 46,
        "questions": questions,
        "generations": 6,
        "tokens": 64,
        "signal": 1.0,
        "micro_batch_tokens": 450,
        "recompute": False,
        "output": str(folder / "trl"),
    } | others
    save_model(shape, folder / "model", ends)
    prompts = make_prompts(shape, questions * steps, settings["prompt_length"])
    (folder / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")
    return settings
