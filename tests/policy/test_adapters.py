"""LoRA: frozen weights, adapters that are trained, and the policy before training at no cost."""

import contextlib
import json
import textwrap
from pathlib import Path

import pytest
import torch
from lightning.pytorch.strategies import Strategy
from peft import AutoPeftModelForCausalLM, PeftModel
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, AutoTokenizer

import p2o
from p2o.cli.main import main
from p2o.engines import SamplingParams, TransformersEngine, VLLMEngine, VLLMServers
from p2o.engines.weight_sync import full_tensors, weights_fingerprint
from p2o.errors import InputError
from p2o.logprobs import completion_logps
from p2o.logprobs.adapters import adapters_off
from p2o.logprobs.forward_pass import padded_logps
from p2o.logprobs.packable import packable
from p2o.objective import NoCorrection, TruncatedImportance
from p2o.policy.adapters import LoRA, NoAdapters
from p2o.policy.checkpoints.reading import FORMAT
from p2o.policy.export import export, export_adapter
from p2o.policy.loading import load_policy
from p2o.policy.preflight import rounding_problems
from p2o.types import Prompt
from quickstart_run import SHAPED, fit, weights
from tiny_policy import build_policy

PROMPTS, COMPLETIONS = [(5, 6, 7), (5, 6), (9,)], [(3, 4, 5), (8,), (2, 7, 7, 1)]
TRAINED = (
    *SHAPED,
    "--model.adapters=LoRA",
    "--model.adapters.rank=4",
    "--model.adapters.base_dtype=float32",
    "--model.optimizer.init_args.lr=2e-3",
)


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def adapted(request, tokenizer):
    """Adapters that change something."""
    policy = build_policy(len(tokenizer), tokenizer.eos_token_id, tied=request.param)
    LoRA(rank=2, base_dtype="float32")(policy)
    torch.manual_seed(1)
    for name, parameter in policy.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return policy


def test_adapters_have_the_same_first_values_whatever_device_torch_makes_tensors_on(tokenizer):
    policy = build_policy(len(tokenizer), tokenizer.eos_token_id)
    LoRA(rank=2)(policy)
    expected = {name: parameter.clone() for name, parameter in policy.named_parameters() if ".lora_" in name}
    for name in expected:
        torch.nn.init.ones_(policy.get_parameter(name))
    with torch.device("meta"):
        LoRA(rank=2).fill(policy)
    assert all(torch.equal(policy.get_parameter(name), value) for name, value in expected.items())


def test_a_run_is_the_same_whatever_device_lightning_has_its_model_made_on(tmp_path, monkeypatch):
    """On one GPU and under DDP, that is the GPU."""
    fit(tmp_path / "plain", *TRAINED)
    monkeypatch.setattr(Strategy, "tensor_init_context", lambda strategy, empty_init=None: torch.device("meta"))
    fit(tmp_path / "elsewhere", *TRAINED)
    found, expected = weights(tmp_path / "elsewhere"), weights(tmp_path / "plain")
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


def test_packed_scores_of_a_policy_with_adapters_are_those_of_its_forward_pass(adapted):
    assert packable(adapted)
    found = completion_logps(adapted, PROMPTS, COMPLETIONS, 1.0)
    expected = padded_logps(adapted, PROMPTS, COMPLETIONS, 1.0)
    for line, other, completion in zip(found, expected, COMPLETIONS, strict=True):
        assert_close(line[: len(completion)], other[: len(completion)], rtol=1e-5, atol=1e-5)


def test_gradients_reach_adapters_alone_and_are_those_of_the_forward_pass(adapted):
    def gradients(score):
        adapted.zero_grad()
        logps = score(adapted, PROMPTS, COMPLETIONS, 1.0)
        sum(line[: len(c)].sum() for line, c in zip(logps, COMPLETIONS, strict=True)).backward()
        return {name: p.grad for name, p in adapted.named_parameters() if p.grad is not None}

    found, expected = gradients(completion_logps), gradients(padded_logps)
    assert found.keys() == expected.keys() and all(".lora_" in name for name in found)
    for name, grad in found.items():
        assert float((grad - expected[name]).norm() / expected[name].norm()) < 1e-3


def test_off_is_the_policy_before_training_and_merged_is_the_policy_itself(adapted, tokenizer):
    tied = adapted.config.tie_word_embeddings
    plain = build_policy(len(tokenizer), tokenizer.eos_token_id, tied=tied)
    ids = torch.tensor([[1, 2, 3, 4]])
    with adapters_off(adapted):
        assert torch.equal(adapted(ids).logits, plain(ids).logits)
        assert {name: tensor for name, tensor in full_tensors(adapted)}.keys() == dict(plain.named_parameters()).keys()
    with torch.no_grad():
        for name, tensor in full_tensors(adapted):
            plain.get_parameter(name).copy_(tensor)
    assert_close(adapted(ids).logits, plain(ids).logits, rtol=1e-4, atol=1e-4)


def test_an_update_that_is_small_beside_a_bfloat16_weight_reaches_engines(tokenizer):
    """As after a few steps: bfloat16 has three digits, and most of the update lies behind them."""
    policy = build_policy(len(tokenizer), tokenizer.eos_token_id).to(torch.bfloat16)
    LoRA(rank=2)(policy)
    before = {name: value.clone() for name, value in full_tensors(policy)}
    layer = policy.model.layers[0].self_attn.q_proj
    torch.nn.init.constant_(layer.lora_B["default"].weight, 5e-5)
    found = dict(full_tensors(policy))
    delta = layer.get_delta_weight("default").detach()
    assert 0 < float(delta.abs().max()) < 1e-3
    name = "model.layers.0.self_attn.q_proj.weight"
    assert torch.equal(found[name], layer.base_layer.weight.float() + delta)
    assert all(torch.equal(found[other], before[other]) for other in before if other != name)
    with adapters_off(policy):
        assert {value.dtype for _, value in full_tensors(policy)} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("adapters", "engine", "correction", "warned"),
    [
        (LoRA(), VLLMEngine(), NoCorrection(), 1),
        (LoRA(), VLLMServers(["http://node2:8000"]), NoCorrection(), 1),
        (LoRA(), VLLMEngine(dtype="float32"), NoCorrection(), 0),
        (LoRA(), VLLMEngine(), TruncatedImportance(), 0),
        (LoRA(), TransformersEngine(), NoCorrection(), 0),  # samples with the policy itself
        (NoAdapters(), VLLMEngine(), NoCorrection(), 0),
    ],
)
def test_an_engine_whose_copy_rounds_the_update_away_is_named(adapters, engine, correction, warned):
    found = list(rounding_problems(adapters, engine, correction))
    assert len(found) == warned
    assert all("TruncatedImportance" in problem and "dtype: float32" in problem for problem in found)


def test_the_fingerprint_knows_whether_adapters_are_on(adapted):
    on = weights_fingerprint(adapted)
    with adapters_off(adapted):
        assert weights_fingerprint(adapted) != on
    assert weights_fingerprint(adapted) == on


def test_rollouts_come_from_the_adapted_policy(adapted):
    prompts, greedy = [Prompt((5, 6, 7), seed=0)], SamplingParams(0.0, 6)
    [found] = TransformersEngine().generate(adapted, prompts, greedy, "rollouts")
    with adapters_off(adapted):
        [before] = TransformersEngine().generate(adapted, prompts, greedy, "rollouts")
    assert found.ids != before.ids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": ["q_proj", "nope"]}, "expected ends of .*q_proj.*, got 'nope'"),
        ({"rank": 33}, "expected at most 16, the smallest side of a target, got 33"),
        ({"rank": 0}, "LoRA needs rank >= 1"),
        ({"dropout": 1.0}, "dropout from 0 to below 1"),
    ],
)
def test_impossible_adapters_are_one_message(policy, arguments, message):
    with pytest.raises(InputError, match=message):
        LoRA(**arguments)(policy)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_run_trains_adapters_resumes_bitwise_and_exports_what_it_trained(tmp_path, dropout):
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    trained = (*TRAINED, f"--model.adapters.dropout={dropout}")
    fit(straight, *trained, "--trainer.max_epochs=2")
    fit(resumed, *trained)
    fit(resumed, *trained, "--trainer.max_epochs=2", "--ckpt_path=last")
    states = [weights(root) for root in (straight, resumed)]
    assert all(".lora_" in name for name in states[0])
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(bool(tensor.any()) for name, tensor in states[0].items() if ".lora_B" in name)
    export(straight / "checkpoints" / "last.ckpt", tmp_path / "model")
    assert "lora" not in json.dumps(json.loads((tmp_path / "model" / "config.json").read_text()))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert all(".lora_" not in name for name, _ in model.named_parameters())


@pytest.mark.parametrize(
    ("targets", "named"), [(["q_proj", "down_proj"], ["down_proj", "q_proj"]), (["layers.1.self_attn.q_proj"], None)]
)
def test_exported_adapters_are_what_peft_loads_beside_the_model(tokenizer, tiny_model, tmp_path, targets, named):
    policy = AutoModelForCausalLM.from_pretrained(tiny_model)
    LoRA(rank=2, alpha=6, targets=targets, base_dtype="float32")(policy)
    for name, parameter in policy.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    kept = {f"policy.{name}": value for name, value in policy.state_dict().items() if ".lora_" in name}
    made_of = {"model": str(tiny_model), "config": policy.config.to_dict(), "format": FORMAT, "rollouts": {}}
    made_of["adapters"] = {"rank": 2, "alpha": 6, "targets": targets}
    made_of["prompts"] = {"instruction": "Q: ", "chat_template_kwargs": {"system_prompt": "Be brief."}}
    torch.save({"state_dict": kept, "p2o": made_of}, tmp_path / "last.ckpt")
    main(["export", str(tmp_path / "last.ckpt"), str(tmp_path / "adapter"), "--adapter"])
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == (named or [f"model.{targets[0]}"])
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), tmp_path / "adapter")
    ids = torch.tensor([[1, 2, 3, 4]])
    plain = AutoModelForCausalLM.from_pretrained(tiny_model)(ids).logits
    assert_close(loaded(ids).logits, policy(ids).logits, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(loaded(ids).logits, plain, atol=1e-2)
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: peft\n") and 'instruction = "Q: "' in card
    assert "Be brief." in AutoTokenizer.from_pretrained(tmp_path / "adapter").chat_template
    assert config["base_model_name_or_path"] == str(tiny_model)
    assert_close(AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter")(ids).logits, loaded(ids).logits)
    assert_close(as_the_card_says(tmp_path / "adapter", card)(ids).logits, loaded(ids).logits)


def as_the_card_says(folder, card):
    """The model that the code of a card loads, run in the folder of the adapters."""
    section = card.split("## How to load it")[1].split("\n## ")[0]
    code = textwrap.dedent("\n".join(line for line in section.splitlines() if line.startswith("    ") or not line))
    scope = {}
    with contextlib.chdir(folder):
        exec(code, scope)
    return scope["model"]


def test_exported_adapters_of_a_policy_that_comes_with_p2o_name_no_folder_of_this_installation(tmp_path):
    name = "p2o/micro-policy"
    policy = load_policy(name, adapters=LoRA(rank=2, base_dtype="float32"))
    for key, parameter in policy.named_parameters():
        if ".lora_" in key:
            torch.nn.init.normal_(parameter, std=0.3)
    kept = {f"policy.{key}": value for key, value in policy.state_dict().items() if ".lora_" in key}
    made_of = {"model": name, "config": policy.config.to_dict(), "format": FORMAT, "rollouts": {}}
    made_of["adapters"] = {"rank": 2, "alpha": 32, "targets": "all-linear"}
    torch.save({"state_dict": kept, "p2o": made_of}, tmp_path / "last.ckpt")
    export_adapter(tmp_path / "last.ckpt", tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"] == name
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "base_model:" not in card and "is not on the Hugging Face hub" in card
    assert str(Path(p2o.__file__).parent) not in "".join(
        path.read_text() for path in (tmp_path / "adapter").glob("*.*n")
    )
    ids = torch.tensor([[1, 2, 3, 4]])
    assert_close(as_the_card_says(tmp_path / "adapter", card)(ids).logits, policy(ids).logits, rtol=1e-5, atol=1e-5)


def test_there_are_no_adapters_to_export_in_a_checkpoint_of_a_whole_policy(policy, tiny_model, tmp_path):
    made_of = {"model": str(tiny_model), "config": {}, "format": FORMAT, "adapters": {}}
    torch.save({"state_dict": {}, "p2o": made_of}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="--adapter: expected a checkpoint with adapters"):
        export_adapter(tmp_path / "last.ckpt", tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def test_a_checkpoint_of_other_adapters_is_refused(tmp_path, capsys):
    fit(tmp_path, *TRAINED)
    for other in ("--model.adapters.alpha=8", "--model.adapters.rank=2", "--model.adapters=NoAdapters"):
        options = [*TRAINED, other] if "No" not in other else [*SHAPED, other]
        with pytest.raises(SystemExit):
            fit(tmp_path, *options, "--trainer.max_epochs=2", "--ckpt_path=last")
        assert "The checkpoint belongs to another config" in capsys.readouterr().err
