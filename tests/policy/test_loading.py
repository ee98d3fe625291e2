import pytest
import torch

from p2o.errors import InputError
from p2o.policy.loading import BUNDLED, load_config, load_policy, load_tokenizer, locate


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


def test_a_missing_folder_is_not_looked_up_on_the_hub():
    with pytest.raises(InputError, match=r"'./nowhere' does not exist"):
        locate("./nowhere")
