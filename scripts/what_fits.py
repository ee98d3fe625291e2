"""The table of docs/howto/gpu.md, by the estimate of p2o plan: `python -m scripts.what_fits`."""

from collections.abc import Iterator
from pathlib import Path

from transformers import AutoConfig, PreTrainedConfig

from p2o.commands.fitting import COMPLETION, PROMPT, Wishes, fitting
from p2o.commands.planning.memory import parameters
from p2o.errors import InputError

COMMON = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960}
MODELS: dict[str, dict[str, int | bool]] = {  # as in their config.json on the hub
    "Qwen3-0.6B": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16},
    "Qwen3-1.7B": {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
    "Qwen3-4B": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32},
    "Qwen3-8B": {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
    "Qwen3-14B": {"hidden_size": 5120, "intermediate_size": 17408, "num_hidden_layers": 40, "num_attention_heads": 40},
    "Qwen3-32B": {"hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64, "num_attention_heads": 64},
}
UNTIED = {"Qwen3-8B", "Qwen3-14B", "Qwen3-32B"}  # embedding and head are two weights
GPUS = [(24, 1), (40, 1), (80, 1), (141, 1), (40, 8), (80, 8), (141, 8)]


def config_of(name: str) -> PreTrainedConfig:
    """The config of a model, from its numbers."""
    return AutoConfig.for_model("qwen3", **COMMON, **MODELS[name], tie_word_embeddings=name not in UNTIED)


def cell(config: PreTrainedConfig, name: str, memory: int, gpus: int) -> str:
    """How a model is trained there, and the GiB a GPU that it takes; "-" if it does not fit."""
    try:
        fit = fitting(config, Wishes(Path("train.jsonl"), name, memory, gpus, vllm=True), PROMPT, COMPLETION)
    except InputError:
        return "-"
    return f"{fit.method}, {fit.need:.0f}"


def rows() -> Iterator[list[str]]:
    """The head of the table, then a row for each model."""
    yield ["model", *(f"{gpus} x {memory} GiB" for memory, gpus in GPUS)]
    for name in MODELS:
        config = config_of(name)
        label = f"{name} ({parameters(config) / 1e9:.1f}B)"
        yield [label, *(cell(config, name, memory, gpus) for memory, gpus in GPUS)]


def main() -> None:
    """Prints the table as Markdown."""
    head, *body = rows()
    for line in [head, ["---"] * len(head), *body]:
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
