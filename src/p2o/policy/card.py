"""The model card of an exported policy: what it was made from, by which method and settings, and what was measured."""

import json
from collections.abc import Mapping
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from p2o.policy.checkpoints.place import Place, place_in
from p2o.run_folder.paths import RunPaths
from p2o.worlds.bundled import BUNDLED_POLICIES

PACKAGES = ("p2o", "torch", "transformers", "lightning", "math-verify")


def model_card(checkpoint: Path, content: Mapping[str, Any], library: str = "transformers") -> str:
    """The card as Markdown with the front matter of the Hugging Face hub.

    Data, settings and figures are those of the run folder that the checkpoint lies in. Where it lies elsewhere, the
    card says that they are not known.

    Args:
        checkpoint: Its path.
        content: What is in it.
        library: That loads what is exported.
    """
    base = str(content["p2o"]["model"])
    run = RunPaths(checkpoint.resolve().parent.parent)
    front = {"library_name": library, "pipeline_tag": "text-generation", "tags": ["p2o", "grpo", "rlvr"]}
    if "/" in base and base not in BUNDLED_POLICIES and not Path(base).exists():  # a name on the hub
        front["base_model"] = base
    place = place_in(content) if "p2o_run" in content else Place(content.get("epoch", -1) + 1)
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
        _method(base, place, content["p2o"]),
        *([_loading(base)] if library == "peft" else []),
        _prompts(content["p2o"].get("prompts"), library, content.get("p2o_config", {})),
        _figures(run.summary, _epochs(place) - 1, content["p2o"]),
        _templates(content),
        _settings(run.config),
        "## Versions\n\n" + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    ]
    return "\n\n".join(parts) + "\n"


def _method(base: str, place: Place, state: Mapping[str, Any]) -> str:
    """What was done: P²O if templates were evolved."""
    epochs, batches = _epochs(place), 0 if place.validated else place.batch
    more = f" and {batches} batch{'' if batches == 1 else 'es'} of the next" if batches else ""
    after = f"`{base}` after {epochs} epoch{'' if epochs == 1 else 's'}{more} of policy optimization with"
    if not state.get("rollouts", {}).get("evolution"):
        return (
            f"# {Path(base).name}, trained with p2o\n\n{after} p2o, without evolved templates. It is asked with "
            "the bare question."
        )
    return (
        f"# {Path(base).name}, trained by P²O\n\n{after} prompt evolution (P²O, "
        "[arXiv 2603.21877](https://arxiv.org/abs/2603.21877)): GRPO with context distillation on hard questions. It "
        "is asked with the bare question; templates were used in training alone."
    )


def _epochs(place: Place) -> int:
    """Epochs whose updates are all done; Lightning counts one that has begun as well."""
    return place.epoch + place.validated


def _loading(base: str) -> str:
    """How adapters come back to the model that they stand beside; peft looks for bundled ones on the hub, in vain."""
    lines = ["from peft import PeftModel", "from transformers import AutoModelForCausalLM"]
    if base in BUNDLED_POLICIES:
        told = f"`{base}` comes with the package p2o and is not on the Hugging Face hub: p2o says where it is."
        lines.append("from p2o.policy.loading import locate")
        place = f"locate({json.dumps(base)})"
    else:
        told = "Adapters alone: the model that they stand beside is loaded first."
        place = json.dumps(base, ensure_ascii=False)
    lines += ["", f"base = AutoModelForCausalLM.from_pretrained({place})"]
    lines.append('model = PeftModel.from_pretrained(base, ".")  # this folder')
    return f"## How to load it\n\n{told}\n\n{_code(chr(10).join(lines))}"


def _prompts(prompts: Mapping[str, Any] | None, library: str, config: Mapping[str, Any]) -> str:
    """How the policy was asked in training; JSON's texts are Python's as well. `_loading` has loaded adapters."""
    head = "## How to ask it\n\n"
    if prompts is None:
        return f"{head}The checkpoint does not say how questions were asked: an older p2o wrote it."
    switches = prompts["chat_template_kwargs"]
    kept = f" It has {', '.join(f'`{name}`' for name in switches)} of the run as defaults." if switches else ""
    limit = config.get("model", {}).get("max_completion_length")  # not known of a run whose parts were made by hand
    known = isinstance(limit, int)
    if library == "peft":
        lines = ["from transformers import AutoTokenizer", ""]
    else:
        lines = ["from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
        lines += ['model = AutoModelForCausalLM.from_pretrained(".")  # this folder']
    lines += [
        'tokenizer = AutoTokenizer.from_pretrained(".")',
        f"instruction = {json.dumps(prompts['instruction'], ensure_ascii=False)}",
        'messages = [{"role": "user", "content": instruction + question}]',
        "inputs = tokenizer.apply_chat_template(",
        "    messages, add_generation_prompt=True, return_dict=True, return_tensors='pt'",
        ")",
        f"limit = {limit}  # tokens of an answer in the run" if known else "limit = 256  # tokens: put the run's here",
        "completion = model.generate(**inputs, max_new_tokens=limit, do_sample=False)  # greedy, as its figures are",
    ]
    return (
        f"{head}As in training: one user message, by the chat template of this folder, which transformers and vLLM "
        f"take by themselves.{kept}\n\n{_code(chr(10).join(lines))}"
    )


def _figures(path: Path, epoch: int, state: Mapping[str, Any]) -> str:
    """The accuracies after the epoch of the checkpoint, which need not be the last one."""
    lines = ["## Figures", ""]
    if path.is_file():
        history = json.loads(path.read_text(encoding="utf-8")).get("history", [])
        validation = history[epoch] if 0 <= epoch < len(history) else {}
        if not any(validation.values()):
            lines += [f"Accuracies after epoch {epoch} are not known.", ""]
        lines += ["| accuracy on validation questions, greedy | |", "|---|---:|"]
        for context, accuracies in validation.items():
            rows = (accuracies or {}).items()
            lines += [f"| {context}, {_cell(difficulty)} | {value:.1%} |" for difficulty, value in rows]
    else:
        lines += ["The run folder was not beside the checkpoint: accuracies are not known."]
    counts = ", ".join(f"{count:,} of {phase}" for phase, count in state.get("rollouts", {}).items())
    return "\n".join([*lines, "", f"Rollouts: {counts}."])


def _cell(label: str) -> str:
    """A label of a data file, which may have any signs, as text of a table's cell: no HTML, no bar, one line."""
    return escape(" ".join(label.split()), quote=False).replace("|", "\\|")


def _templates(content: Mapping[str, Any]) -> str:
    """The last bank; templates are text of a model, so they stand in blocks of code."""
    bank = content.get("MixtureDataModule", {}).get("bank", {}).get("templates", [])
    texts = [template["text"] if isinstance(template, Mapping) else str(template) for template in bank]
    shown = "\n\n".join(_code(text) for text in texts) or "The last epoch had none."
    return f"## Evolved templates of the last epoch\n\n{shown}"


def _settings(path: Path) -> str:
    unknown = "The run folder was not beside the checkpoint."
    known = _code(path.read_text(encoding="utf-8")) if path.is_file() else unknown
    return f"## Data and settings\n\n{known}"


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
