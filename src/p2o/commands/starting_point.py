"""Writes a commented config for questions, a model and GPUs of one's own."""

import json
import re
from pathlib import Path

from transformers import PreTrainedConfig

from p2o.commands.fitting import COMPLETION, PROMPT, Fit, Wishes, fitting
from p2o.errors import InputError
from p2o.evolution.settings import Level, auto_budget
from p2o.io.tables import SUFFIXES, read_rows
from p2o.policy.loading import BUNDLED, load_config
from p2o.questions.columns import Columns, guess_columns
from p2o.reflectors import SelfReflector

REPLY = SelfReflector().sampling.max_completion_length  # tokens of a reflection, where the window is large
PLACEHOLDER = Columns("question", "answer")
FEWEST = 5  # of which one is held out
GENERATIONS = 6  # K
LEVELS: tuple[Level, ...] = ("heavy_4", "heavy_3", "heavy_2", "heavy", "medium", "light")


def starting_point(wishes: Wishes, name: str) -> str:
    """The text of the config.

    Args:
        wishes: What the user says.
        name: Of the config's file, without its suffix: it names the run folder as well.

    Raises:
        InputError: The questions cannot be read, the model's config cannot be had, or the model does not fit.
    """
    columns, count = _look_at(wishes.questions)
    config = load_config(wishes.model)
    lengths = _lengths(config)
    fit = fitting(config, wishes, *lengths) if wishes.memory else None
    plan = f"p2o plan --config {name}.yaml" + (f" --memory {wishes.memory:g}" if wishes.memory else "")
    lines = [
        f"# p2o fit --config {name}.yaml",
        "#",
        f"# P²O with {wishes.model} on the questions of {wishes.questions}. What is left out has its default, by the",
        "# paper where the help names no other value:",
        f"# `p2o fit --config {name}.yaml --print_config` shows all, `{plan}` what it costs.",
        *_trainer(wishes, fit, name),
        *_model(wishes, fit, count, *lengths),
        *_data(wishes, columns, count),
        *_evolution(fit, count, min(REPLY, _window(config) // 4)),
    ]
    return "\n".join(lines) + "\n"


def _look_at(path: Path) -> tuple[Columns, int]:
    """The columns of the questions and how many there are; (placeholders, 0) if there is no such file yet.

    Raises:
        InputError: It is no file of a kind that is read, or has too few rows.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"--questions {path}: expected a .jsonl or .parquet file. Save another file as one of them. A data set on "
            "the Hugging Face hub is read by another class: leave --questions out, and write data: {train: "
            f"{{class_path: HubQuestions, init_args: {{name: {path}}}}}}} into the config in place of QuestionFile."
        )
    path = path.expanduser()
    if not path.exists():
        return PLACEHOLDER, 0
    rows = list(read_rows(path))
    if not rows:
        raise InputError(f"{path}: expected questions, the file has no rows.")
    if len(rows) < FEWEST:
        raise InputError(f"{path}: expected at least {FEWEST} questions, one in five is held out, got {len(rows)}.")
    return guess_columns(f"{path}:{rows[0][0]}", rows[0][1]), len(rows)


def _lengths(config: PreTrainedConfig) -> tuple[int, int]:
    """Tokens of a prompt and of a completion, within the window of the model."""
    return min(PROMPT, _window(config) // 4), min(COMPLETION, _window(config) // 2)


def _window(config: PreTrainedConfig) -> int:
    return int(config.get_text_config().max_position_embeddings)


def _trainer(wishes: Wishes, fit: Fit | None, name: str) -> list[str]:
    lines = ["trainer:"]
    if wishes.memory:
        lines += [
            "  accelerator: gpu",
            f"  devices: {wishes.gpus}",
            "  precision: bf16-mixed  # weights and AdamW stay in float32: at 1e-6 bfloat16 weights would not move",
        ]
        sharded = fit is not None and fit.method == "sharded"
        shown = "sharded  # FSDP2: the GPUs hold the policy together" if sharded else "ddp"
        lines += [f"  strategy: {shown}"] if wishes.gpus > 1 else []
    return [*lines, "  max_epochs: 10  # an evolution after each but the last", f"  default_root_dir: runs/{name}"]


def _model(wishes: Wishes, fit: Fit | None, count: int, prompt: int, completion: int) -> list[str]:
    lines = ["model:", f"  model: {_scalar(wishes.model)}"]
    if wishes.model == BUNDLED:
        lines += ['  instruction: "Answer within \\\\boxed{}.\\nQuestion: "  # the one that it was made for']
    if fit and fit.method == "LoRA":
        lines += [
            "  adapters: LoRA  # all of the policy would not fit; pip install peft",
            "  optimizer:",
            "    class_path: torch.optim.AdamW",
            "    init_args: {lr: 1.0e-5, weight_decay: 0.0}  # adapters take a higher rate than the paper's 1e-6",
        ]
    if fit and fit.vllm:
        lines += [
            '  engine:  # pip install "p2o[vllm]"',
            "    class_path: VLLMEngine",
            f"    init_args: {{gpu_memory_utilization: {fit.vllm}, max_model_len: {prompt + completion + 1024}}}",
        ]
    elif fit:
        lines += [f"  engine: {{class_path: TransformersEngine, init_args: {{batch_size: {fit.together}}}}}"]
    lines += [
        f"  max_prompt_length: {prompt}  # tokens of a question; longer ones are refused before training",
        f"  max_completion_length: {completion}  # paper: 12288; cut off before its answer it is wrong",
    ]
    batch = _batch(wishes.gpus, count)
    lines += [f"  mini_batch_size: {max(1, batch // 2)}  # questions of an optimizer step and process"]
    if fit:
        lines += [
            f"  # About {fit.need:.0f} of {wishes.memory:g} GiB a GPU, by the estimate of p2o plan.",
            f"  micro_batch_tokens: {fit.micro_batch_tokens}  # lower it when memory runs out: the result is the same",
            "  gradient_checkpointing: true",
        ]
    return lines


def _batch(gpus: int, count: int) -> int:
    """Questions of a rollout batch and process, of two steps: the paper's 128 in all, and eight batches an epoch."""
    whole = min(128, max(8, count // 8)) if count else 128
    return max(2, whole // gpus // 2 * 2)


def _data(wishes: Wishes, columns: Columns, count: int) -> list[str]:
    named = {"path": str(wishes.questions), **{k: v for k, v in vars(columns).items() if v}}
    shown = ", ".join(f"{key}: {_scalar(value)}" for key, value in named.items())
    found = f"{count:,} questions were found there." if count else "There is no such file yet: name its columns."
    return [
        "data:",
        f"  # {found}",
        "  train:",
        "    class_path: QuestionFile",
        f"    init_args: {{{shown}}}",
        "  validation:  # or a file of its own, as above",
        "    class_path: HeldOut",
        f"    init_args: {{count: {_held_out(count)}}}",
        f"  num_generations: {GENERATIONS}  # K, rollouts of a question",
        "  tau: 2  # a question is hard if fewer of its rollouts are correct; p2o plan says how many are",
        f"  batch_size: {_batch(wishes.gpus, count)}  # questions of a rollout batch and process",
    ]


def _evolution(fit: Fit | None, count: int, reply: int) -> list[str]:
    settings, why = [], []
    if fit and not fit.initial and fit.method != "LoRA":
        settings, why = ["weights: current"], ["the policy before training does not fit beside the policy"]
    if reply < REPLY:
        settings.append(f"max_reply_length: {reply}")
        why.append("the rest of the model's window is for what it reflects on")
    lines = ["evolution:"]
    if settings:
        lines += [
            "  reflector:",
            "    class_path: SelfReflector",
            f"    init_args: {{{', '.join(settings)}}}  # {'; '.join(why)}",
        ]
    few = 0 < count < 1200
    dev = max(8, count // 4) if few else 300
    hard = min(max(12, count // 10), (count - _held_out(count)) // 2) if few else 100
    level, reason = _level(count, dev)
    return [
        *lines,
        f"  budget: {level}  # rollouts of an evolution at most, a number or a level; {reason}; 0: GRPO",
        f"  dev_size: {dev}  # hard questions that templates are scored on",
        f"  min_hard_set: {hard}  # with fewer hard questions there is no evolution",
    ]


def _held_out(count: int) -> int:
    return min(100, count // 5) if count else 100


def _level(count: int, dev: int) -> tuple[Level, str]:
    """The largest budget below what an epoch of training costs, and why."""
    training = GENERATIONS * (count - _held_out(count))
    fitting = (level for level in LEVELS if not count or auto_budget(level, min(dev, count // 2)) <= training)
    level: Level = next(fitting, "light")
    return level, "the paper's" if level == "heavy_4" else f"training has {training:,} an epoch (paper: heavy_4)"


def _scalar(text: str) -> str:
    """A text as a value in YAML, in quotes if it holds more than letters, digits and the signs of paths."""
    return text if re.fullmatch(r"[A-Za-z~./][\w./-]*", text) else json.dumps(text, ensure_ascii=False)
