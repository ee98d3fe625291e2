"""From a checkpoint to a model folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers.utils.logging
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from p2o.errors import InputError
from p2o.io.folders import check_new, new_folder
from p2o.logprobs.adapters import merged_parameters
from p2o.policy.adapters import LoRA
from p2o.policy.card import model_card
from p2o.policy.checkpoints import PREFIX, load_checkpoint
from p2o.policy.loading import load_generation_config, load_policy, load_tokenizer, locate, outline_policy
from p2o.prompts.chat_templates import keep_prompts
from p2o.worlds.bundled import BUNDLED_POLICIES


def export(checkpoint: Path, out: Path) -> None:
    """Writes the policy of a checkpoint as a Hugging Face folder, tokenizer and chat template included.

    The chat template renders the prompts of the run: what `model.chat_template_kwargs` asked for is in it.

    The folder appears when it is complete: an export that is interrupted leaves nothing at `out`.

    Raises:
        InputError: The checkpoint cannot be read, the model it was made from is gone, or `out` cannot be written.
    """
    check_new(out, "the model")
    transformers.utils.logging.disable_progress_bar()  # of shards: one line says what was written
    content = load_checkpoint(checkpoint)
    name, tokenizer = content["p2o"]["model"], _tokenizer(content)
    model = _model(checkpoint, content)
    model.generation_config = load_generation_config(name, model)
    with new_folder(out, "the model") as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(model_card(checkpoint, content), encoding="utf-8")


def export_adapter(checkpoint: Path, out: Path) -> None:
    """Writes the adapters of a checkpoint alone, as a folder that peft, vLLM and others load beside the original model.

    Raises:
        InputError: The checkpoint has no adapters, or something of `export`.
    """
    from peft import LoraConfig

    check_new(out, "the adapters")
    content = load_checkpoint(checkpoint)
    name, found = content["p2o"]["model"], content["p2o"]["adapters"]
    if not found:
        raise InputError(
            f"--adapter: expected a checkpoint with adapters, {checkpoint} has a whole policy. Leave it out."
        )
    adapters = LoRA(**found)
    config = LoraConfig(
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        target_modules=adapters.short_names(outline_policy(name)),
        base_model_name_or_path=name if name in BUNDLED_POLICIES else locate(name),  # no folder of this installation
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    weights = {
        f"base_model.model.{key.removeprefix(PREFIX).replace('.default.', '.')}": value.contiguous()
        for key, value in content["state_dict"].items()
    }
    with new_folder(out, "the adapters") as folder:
        config.save_pretrained(str(folder))
        save_file(weights, folder / "adapter_model.safetensors")
        _tokenizer(content).save_pretrained(folder)
        (folder / "README.md").write_text(model_card(checkpoint, content, library="peft"), encoding="utf-8")


def _tokenizer(content: dict[str, Any]) -> PreTrainedTokenizerBase:
    """That of the original, with the chat template of the run."""
    tokenizer = load_tokenizer(content["p2o"]["model"])
    keep_prompts(tokenizer, content["p2o"].get("prompts", {}).get("chat_template_kwargs"))
    return tokenizer


def push(folder: Path, repository: str, private: bool) -> str:
    """Uploads an exported folder to the Hugging Face hub, and gives its address there.

    Args:
        folder: What `export` has written.
        repository: Its name there, such as "me/my-model"; it is made if it is missing.
        private: Whether a repository that is made is private.

    Raises:
        InputError: The hub cannot be reached, or refuses the token or the name.
    """
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Exported by p2o"))
    except (HfHubHTTPError, HFValidationError, OSError, LocalTokenNotFoundError) as error:
        raise InputError(
            f"--push-to-hub {repository}: the Hugging Face hub did not take it; {folder} is complete. Log in with `hf "
            f"auth login`, and try again with `hf upload {repository} {folder}`. It says: {str(error)[:300]}"
        ) from error


def _model(path: Path, content: dict[str, Any]) -> PreTrainedModel:
    """The policy, its weights still in the checkpoint's file; adapters are merged into those of the original."""
    if adapters := content["p2o"]["adapters"]:
        return _merged(path, content, LoRA(**adapters, base_dtype="float32"))
    config = dict(content["p2o"]["config"])
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(config.pop("model_type"), **config))
    _load(path, model, content["state_dict"], strict=True)
    return model


def _merged(path: Path, content: dict[str, Any], adapters: LoRA) -> PreTrainedModel:
    name = content["p2o"]["model"]
    trained, model = load_policy(name, adapters=adapters), load_policy(name)
    _load(path, trained, content["state_dict"], strict=False)
    model.load_state_dict(dict(merged_parameters(trained)), strict=False)  # a tied head comes once
    return model


def _load(path: Path, model: PreTrainedModel, state: Mapping[str, Tensor], strict: bool) -> None:
    weights = {key.removeprefix(PREFIX): state[key] for key in state if key.startswith(PREFIX)}
    try:
        model.load_state_dict(weights, assign=True, strict=strict)
    except RuntimeError as error:
        raise InputError(f"{path}: expected the weights its config describes. torch says: {error}") from error
