import json
import os
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from p2o.errors import InputError
from p2o.policy.card import model_card
from p2o.policy.checkpoints import load_checkpoint
from p2o.policy.checkpoints.place import Place
from p2o.policy.checkpoints.reading import FORMAT
from p2o.policy.export import export, push
from p2o.policy.loading import load_renderer
from tiny_policy import build_policy


def checkpoint(policy, model, path, **parts):
    """What a PolicyModule's checkpoint holds, and an optimizer that export does not need."""
    weights = {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}
    meta = {"model": str(model), "config": policy.config.to_dict(), "rollouts": {"train": 1}}
    meta = {"adapters": {}, "format": FORMAT} | meta | parts
    torch.save({"state_dict": weights, "p2o": meta, "optimizer_states": [{"step": 1}], "epoch": 2}, path)
    return path


@pytest.fixture
def trained(tokenizer):
    return build_policy(len(tokenizer), tokenizer.eos_token_id, seed=5)


@pytest.fixture
def saved(trained, tiny_model, tmp_path):
    return checkpoint(trained, tiny_model, tmp_path / "last.ckpt")


def assert_same_weights(found, expected):
    found, expected = found.state_dict(), expected.state_dict()
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=0)


def rejected(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def test_export_loads_with_weights_tokenizer_and_chat_template(saved, trained, tokenizer, tmp_path):
    export(saved, tmp_path / "new" / "out")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "new" / "out")
    assert_same_weights(loaded, trained)
    assert loaded.generation_config.eos_token_id == tokenizer.eos_token_id
    chat = [{"role": "user", "content": "1+1?"}]
    found = AutoTokenizer.from_pretrained(tmp_path / "new" / "out")
    assert found.apply_chat_template(chat, tokenize=False) == tokenizer.apply_chat_template(chat, tokenize=False)
    assert os.listdir(tmp_path / "new") == ["out"]


def test_prompts_are_those_of_the_run_and_the_card_says_how_to_ask(
    trained, tiny_model, tokenizer, tmp_path, monkeypatch
):
    prompts = {"instruction": "Q: 2+2?\nA: 4\nQ: ", "chat_template_kwargs": {"chat_template": "plain"}}
    saved = checkpoint(trained, tiny_model, tmp_path / "base.ckpt", prompts=prompts)
    config = {"model": {"max_completion_length": 9}}
    torch.save(torch.load(saved, weights_only=True) | {"p2o_config": config}, saved)
    export(saved, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    said = card.partition("## How to ask it")[2].partition("##")[0]
    names = {"question": "1+1?"}
    monkeypatch.chdir(tmp_path / "out")
    exec("\n".join(line[4:] for line in said.splitlines() if line.startswith("    ")), names)
    renderer = load_renderer(str(tiny_model), **prompts)
    asked = renderer.question("1+1?")
    assert tuple(names["inputs"]["input_ids"][0].tolist()) == asked
    assert 0 < names["completion"].shape[1] - len(asked) <= 9  # the run's limit
    assert "limit = 9  # tokens of an answer in the run" in said
    assert tokenizer.decode(renderer.question("1+1?")).endswith("Q: 2+2?\nA: 4\nQ: 1+1?\n")
    assert "`chat_template` of the run" in said


def test_a_card_says_that_the_limit_of_the_run_is_not_known(saved):
    """A run whose parts were made by hand in Python has no config."""
    content = load_checkpoint(saved)
    content["p2o"]["prompts"] = {"instruction": "", "chat_template_kwargs": {}}
    assert "limit = 256  # tokens: put the run's here" in model_card(saved, content)


def test_an_older_checkpoint_does_not_say_how_it_was_asked(saved, tmp_path):
    export(saved, tmp_path / "out")
    assert "does not say how questions were asked" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_what_is_generated_is_the_same(saved, trained, tmp_path):
    export(saved, tmp_path / "out")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(loaded(ids).logits, trained(ids).logits, rtol=0, atol=0)


def test_generation_config_is_that_of_the_original(saved, tiny_model, trained, tmp_path):
    original = tmp_path / "original"
    AutoModelForCausalLM.from_pretrained(tiny_model).save_pretrained(original)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(original)
    (original / "generation_config.json").write_text('{"eos_token_id": [7, 8]}')
    export(checkpoint(trained, original, tmp_path / "other.ckpt"), tmp_path / "out")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").generation_config.eos_token_id == [7, 8]


def test_tied_weights_stay_tied(tiny_model, tokenizer, tmp_path):
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        tie_word_embeddings=True,
    )  # fmt: skip
    tied = LlamaForCausalLM(config)
    export(checkpoint(tied, tiny_model, tmp_path / "tied.ckpt"), tmp_path / "out")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert_same_weights(loaded, tied)
    assert loaded.lm_head.weight.data_ptr() == loaded.model.embed_tokens.weight.data_ptr()
    stored = sum(file.stat().st_size for file in (tmp_path / "out").glob("*.safetensors"))
    assert stored < 4 * sum(parameter.numel() for parameter in tied.parameters()) + 10_000  # once, not twice


def test_an_empty_folder_is_filled_and_a_full_one_is_left_alone(saved, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    export(saved, out)
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    assert "expected a new or an empty folder" in rejected(export, saved, out)
    assert "expected a new or an empty folder" in rejected(export, saved, saved)
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == before


def test_an_interrupted_export_leaves_nothing(saved, tmp_path, monkeypatch):
    def interrupted(self, folder):
        (Path(folder) / "half").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(saved, tmp_path / "out")
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_a_place_that_cannot_be_written_to(saved, tmp_path):
    (tmp_path / "file").write_text("")
    assert "expected a folder that can be written to" in rejected(export, saved, tmp_path / "file" / "out")


def test_the_original_is_gone(trained, tmp_path):
    path = checkpoint(trained, tmp_path / "gone", tmp_path / "last.ckpt")
    assert "gone" in rejected(export, path, tmp_path / "out")
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_weights_that_do_not_fit_the_config(trained, tiny_model, tmp_path):
    trained.config.hidden_size = 48
    path = checkpoint(trained, tiny_model, tmp_path / "last.ckpt")
    assert "expected the weights its config describes" in rejected(export, path, tmp_path / "out")


def test_checkpoint_is_plain(saved):
    content = load_checkpoint(saved)
    assert content["epoch"] == 2 and content["p2o"]["rollouts"] == {"train": 1}


def test_missing_checkpoint(tmp_path):
    assert rejected(load_checkpoint, tmp_path / "none").endswith("expected a checkpoint, there is no such file.")
    assert rejected(load_checkpoint, tmp_path).endswith(
        "expected a checkpoint, there is a folder without a manifest.json."
    )


def test_truncated_checkpoints(saved, tmp_path):
    whole = saved.read_bytes()
    lengths = [0, 1, 4, 100, 1000, *range(2000, len(whole), len(whole) // 25), len(whole) - 1]
    for length in lengths:
        (tmp_path / "cut.ckpt").write_bytes(whole[:length])
        said = rejected(load_checkpoint, tmp_path / "cut.ckpt")
        assert said.startswith(f"{tmp_path / 'cut.ckpt'}: expected a checkpoint of p2o fit") and "\n" not in said


@pytest.mark.filterwarnings("ignore")  # torch's, about what the damage makes of the pickle
def test_damaged_checkpoints(saved, tmp_path):
    whole = saved.read_bytes()
    start = whole.index(b"state_dict")
    for offset in range(0, 3000, 31):
        damaged = bytearray(whole)
        for position in range(start + offset, start + offset + 5):
            damaged[position] ^= 0x5A
        (tmp_path / "damaged.ckpt").write_bytes(damaged)
        try:
            load_checkpoint(tmp_path / "damaged.ckpt")  # a letter of a name may have changed
        except InputError as error:
            assert "damaged.ckpt" in str(error)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state_dict": {}},
        {"state_dict": {}, "p2o": 1},
        {"state_dict": {}, "p2o": {"model": "m"}},
        [1],
        torch.ones(2),
    ],
)
def test_checkpoints_of_other_programs(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    assert rejected(load_checkpoint, tmp_path / "other.ckpt").endswith("another program has written this file.")


class Malice:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_no_code_of_a_checkpoint_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "p2o": Malice()}, "evil.ckpt")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Malice()))
    for name in ("evil.ckpt", "evil.pkl"):
        assert "cannot be read as one" in rejected(load_checkpoint, tmp_path / name)
    assert not (tmp_path / "pwned").exists()


def test_the_card_says_what_the_model_is(saved, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    path = saved.rename(run / "checkpoints" / "last.ckpt")
    history = [{"bare": {"hard": hard}, "templated": None} for hard in (0.1, 0.2, 0.5, 0.7)]
    (run / "summary.json").write_text(json.dumps({"history": history}), encoding="utf-8")
    (run / "config.yaml").write_text("data: {tau: 2}\n", encoding="utf-8")
    export(path, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "trained with p2o" in card and "P²O" not in card  # nothing was evolved
    for part in ("after 3 epochs", "| bare, hard | 50.0% |", "1 of train", "    data: {tau: 2}", "torch "):
        assert part in card


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(3), "after 3 epochs of"),
        (Place(2, 1), "after 2 epochs and 1 batch of the next of"),
        (Place(2, 8, True), "after 3 epochs of"),
    ],
)
def test_the_card_counts_finished_epochs(saved, tmp_path, place, said):
    """Lightning's count is that of epochs which have begun."""
    content = load_checkpoint(saved) | {"p2o_run": {"place": asdict(place)}}
    assert said in model_card(saved, content)


def test_a_card_has_no_figures_of_another_epoch(saved, tmp_path):
    """The run may have gone on since, or have written this checkpoint within an epoch."""
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    path = saved.rename(run / "checkpoints" / "last.ckpt")
    (run / "summary.json").write_text('{"history": [{"bare": {"hard": 0.1}, "templated": null}]}', encoding="utf-8")
    export(path, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "Accuracies after epoch 2 are not known" in card and "10.0%" not in card


def test_a_card_without_its_run_says_so(saved, tmp_path):
    export(saved, tmp_path / "out")
    assert "accuracies are not known" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_an_upload_that_fails_leaves_the_folder_and_says_how_to_go_on(saved, tmp_path):
    export(saved, tmp_path / "out")
    said = rejected(push, tmp_path / "out", "me/my-model", True)
    assert "hf upload me/my-model" in said and (tmp_path / "out" / "config.json").exists()
