import json

import pytest
import torch

from p2o.errors import InputError
from p2o.policy.adapters import LoRA
from p2o.policy.loading import BUNDLED, load_config, load_policy, load_tokenizer, locate, outline_policy


def test_a_folder_is_loaded_in_float32(tiny_model, tmp_path):
    half = load_policy(str(tiny_model)).to(torch.bfloat16)
    half.save_pretrained(tmp_path)
    assert {p.dtype for p in load_policy(str(tmp_path)).parameters()} == {torch.float32}
    assert load_tokenizer(str(tiny_model)).chat_template
    assert load_config(str(tiny_model)).max_position_embeddings == 512


def test_the_bundled_policy_has_a_name():
    assert locate(BUNDLED).endswith("micro_policy")
    assert locate("org/some-model") == "org/some-model"


@pytest.mark.parametrize("load", [load_tokenizer, load_config, load_policy])
def test_a_folder_without_a_model_is_refused(load, tmp_path):
    with pytest.raises(InputError, match=r"could not be loaded. Expected a folder made by save_pretrained"):
        load(str(tmp_path))


@pytest.mark.parametrize("load", [load_policy, outline_policy])
def test_quantized_weights_are_one_message(load, tiny_model, tmp_path):
    config = json.loads((tiny_model / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"expected weights in floating point, .* are quantized \(bitsandbytes\)"):
        load(str(tmp_path))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_an_outline_is_the_policy_without_values(tiny_model, checkpointing):
    outline, policy = (load(str(tiny_model), checkpointing, LoRA(4)) for load in (outline_policy, load_policy))
    assert all(parameter.is_meta for parameter in outline.parameters())
    for kind in ("named_parameters", "named_buffers"):
        found, expected = dict(getattr(outline, kind)()), dict(getattr(policy, kind)())
        assert [(name, value.shape, value.dtype, value.requires_grad) for name, value in found.items()] == [
            (name, value.shape, value.dtype, value.requires_grad) for name, value in expected.items()
        ]
    assert all(torch.equal(buffer, policy.get_buffer(name)) for name, buffer in outline.named_buffers())
    assert outline.config.to_dict() == policy.config.to_dict()
    assert outline.generation_config.to_dict() == policy.generation_config.to_dict()
    assert outline.config._attn_implementation == policy.config._attn_implementation
    assert (outline.training, outline.name_or_path) == (policy.training, policy.name_or_path)


@pytest.mark.parametrize("load", [load_policy, outline_policy])
def test_the_device_on_which_lightning_has_models_made_changes_nothing(load, tiny_model):
    plain = load(str(tiny_model), adapters=LoRA(4))
    with torch.device("meta"):  # as Lightning has configure_model in `with strategy.root_device`, a GPU for instance
        found = load(str(tiny_model), adapters=LoRA(4))
    assert load is outline_policy or {value.device.type for value in found.state_dict().values()} == {"cpu"}
    assert all(torch.equal(buffer, plain.get_buffer(name)) for name, buffer in found.named_buffers())
    if load is load_policy:
        assert all(torch.equal(value, plain.state_dict()[name]) for name, value in found.state_dict().items())


def test_a_missing_folder_is_not_looked_up_on_the_hub():
    with pytest.raises(InputError, match=r"'./nowhere' does not exist"):
        locate("./nowhere")
