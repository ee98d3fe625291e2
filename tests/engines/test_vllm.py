"""What VLLMEngine adds to the contract: one model for two policies, transfers only when needed, whole runs."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from p2o.cli.main import main
from p2o.engines import SamplingParams, VLLMEngine
from p2o.engines.vllm import colocated as module
from p2o.errors import InputError
from p2o.logprobs import completion_logps
from p2o.policy.loading import load_policy
from p2o.policy.sharding import outline_in_files
from p2o.types import Prompt
from tiny_policy import build_policy

QUICKSTART = Path(__file__).parent.parent.parent / "configs" / "quickstart.yaml"
ON_CPU = {"dtype": "float32", "engine_args": {"enforce_eager": True, "kv_cache_memory_bytes": 256 * 2**20}}
PROMPTS = [Prompt((5, 6, 7), seed) for seed in range(4)]
with_vllm = pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")


@pytest.fixture
def policy_with_large_heads(tokenizer):
    return build_policy(len(tokenizer), tokenizer.eos_token_id, head_dim=32)


def test_it_is_named_by_its_class_alone(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(QUICKSTART), "--model.engine=VLLMEngine", "--print_config"])
    assert stop.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["model"]["engine"]["init_args"]["tensor_parallel_size"] == 1


def test_a_prompt_too_long_for_the_engine_is_refused_before_it_starts(policy):
    with pytest.raises(InputError, match=r"prompt of 3 tokens.*max_model_len of 8"):
        VLLMEngine(max_model_len=8).generate(policy, PROMPTS, SamplingParams(1.0, 6), "test")


def test_more_tensor_parallel_processes_than_there_are_are_refused(policy):
    with pytest.raises(InputError, match="tensor_parallel_size"):
        VLLMEngine(tensor_parallel_size=2).generate(policy, PROMPTS, SamplingParams(1.0, 6), "test")


@pytest.mark.parametrize("wrong", [{"gpu_memory_utilization": 1.5}, {"max_model_len": -1}], ids=str)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError, match="VLLMEngine"):
        VLLMEngine(**wrong)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dtype", "dtype"),
        ("gpu_memory_utilization", "gpu_memory_utilization"),
        ("max_model_len", "max_model_len"),
        ("tensor_parallel_size", "tensor_parallel_size"),
        ("enable_sleep_mode", "sleep_level"),
    ],
)
def test_an_argument_that_is_said_twice_is_refused(name, said):
    with pytest.raises(InputError, match=rf"engine\.{said} to be said once, engine\.engine_args\.{name} says"):
        VLLMEngine(engine_args={name: 1, "enforce_eager": True})


def test_further_arguments_are_passed_on():
    assert VLLMEngine(engine_args={"enforce_eager": True}).arguments["enforce_eager"] is True


class StubVLLM:
    """What `_sample` asks of a `vllm.LLM`: each request ends as it is told, by ids and vLLM's own finish reason."""

    def __init__(self, *ends):
        self.llm_engine, self.ends, self.settings = self, list(ends), []

    def enqueue(self, inputs, settings, use_tqdm):
        self.settings = settings

    def has_unfinished_requests(self):
        return bool(self.ends)

    def step(self):
        ids, reason = self.ends.pop()
        logprobs = [{token: SimpleNamespace(logprob=-1.0)} for token in ids]
        output = SimpleNamespace(token_ids=ids, logprobs=logprobs, finish_reason=reason)
        return [SimpleNamespace(finished=True, request_id=str(len(self.ends)), outputs=[output])]


def test_the_policy_s_own_end_tokens_alone_end_a_completion(monkeypatch):
    """And not that of config.json, which vLLM stops at beside those that it is told of."""
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=SimpleNamespace))
    llm = StubVLLM([(5, 2), "stop"], [(5, 6), "length"], [(5, 9), "stop"], [(6, 2), "length"])
    found = module._sample(llm, PROMPTS, SamplingParams(1.0, 2), [2, 3], "test")
    assert [(asked.ignore_eos, asked.stop_token_ids) for asked in llm.settings] == [(True, [2, 3])] * 4
    assert [completion.ids for completion in found] == [(5, 2), (5, 6), (5, 9), (6, 2)]
    assert [completion.truncated for completion in found] == [False, True, True, False]


@pytest.mark.skipif(bool(find_spec("vllm")), reason="vllm is installed")
def test_without_vllm_it_says_what_to_install(policy):
    with pytest.raises(InputError, match="p2o\\[vllm\\]"):
        VLLMEngine().generate(policy, PROMPTS, SamplingParams(1.0, 6), "test")


@pytest.mark.vllm
@with_vllm
def test_weights_are_transferred_only_when_they_changed(tokenizer, monkeypatch):
    transfers, transfer = [], module._transfer
    monkeypatch.setattr(module, "_transfer", lambda llm, policy: (transfers.append(policy), transfer(llm, policy)))
    policy, initial = (build_policy(len(tokenizer), tokenizer.eos_token_id, seed, head_dim=32) for seed in (0, 1))
    engine = VLLMEngine(**ON_CPU)
    for model in (policy, policy, initial, initial, policy):  # rollouts, rollouts, reflection, reflection, rollouts
        engine.generate(model, PROMPTS, SamplingParams(1.0, 4), "test")
    assert [id(model) for model in transfers] == [id(policy), id(initial), id(policy)]
    with torch.no_grad():
        next(policy.parameters()).mul_(2)
    completions = engine.generate(policy, PROMPTS, SamplingParams(1.0, 4), "test")
    assert len(transfers) == 4
    found = completion_logps(policy, [p.ids for p in PROMPTS], [c.ids for c in completions], 1.0)
    for line, completion in zip(found, completions, strict=True):  # the head is not tied here, in the contract it is
        expected = line[: len(completion.ids)].detach()
        torch.testing.assert_close(torch.tensor(completion.logps), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.vllm
@with_vllm
@pytest.mark.parametrize("tied", [True, False])
def test_the_policy_before_training_comes_from_files_and_the_policys_own_weights_come_back(tokenizer, tmp_path, tied):
    stored = build_policy(len(tokenizer), tokenizer.eos_token_id, head_dim=32, tied=tied).to(torch.bfloat16)
    stored.save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("model*.safetensors"))) > 1
    outline, start = outline_in_files(str(tmp_path)), load_policy(str(tmp_path))
    policy = build_policy(len(tokenizer), tokenizer.eos_token_id, 1, head_dim=32, tied=tied)
    engine = VLLMEngine(**ON_CPU)
    for model, values in ((policy, policy), (outline, start), (outline, start), (policy, policy)):
        with torch.autocast("cpu", dtype=torch.bfloat16):  # the trainer's
            completions = engine.generate(model, PROMPTS, SamplingParams(1.0, 8), "test")
        found = completion_logps(values, [p.ids for p in PROMPTS], [c.ids for c in completions], 1.0)
        for line, completion in zip(found, completions, strict=True):
            expected = line[: len(completion.ids)].detach()
            torch.testing.assert_close(torch.tensor(completion.logps), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.vllm
@with_vllm
def test_the_trainers_mixed_precision_does_not_reach_it(policy_with_large_heads):
    engine = VLLMEngine(**ON_CPU)
    plain = engine.generate(policy_with_large_heads, PROMPTS, SamplingParams(1.0, 8), "test")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert engine.generate(policy_with_large_heads, PROMPTS, SamplingParams(1.0, 8), "test") == plain


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_samples_from_the_policy_on_a_gpu_and_gives_the_memory_back(policy_with_large_heads, level):
    policy = policy_with_large_heads.cuda()
    engine = VLLMEngine(dtype="float32", gpu_memory_utilization=0.2, sleep_level=level)
    for _ in range(2):
        completions = engine.generate(policy, PROMPTS, SamplingParams(1.0, 8), "test")
        found = completion_logps(policy, [p.ids for p in PROMPTS], [c.ids for c in completions], 1.0)
        for line, completion in zip(found, completions, strict=True):
            expected = line[: len(completion.ids)].detach().cpu()
            torch.testing.assert_close(torch.tensor(completion.logps), expected, rtol=1e-2, atol=1e-2)
        adamw = torch.optim.AdamW(policy.parameters(), lr=1e-2)
        policy(torch.tensor([[1, 2, 3]]).cuda(), labels=torch.tensor([[1, 2, 3]]).cuda()).loss.backward()
        adamw.step()
    free, total = torch.cuda.mem_get_info()
    assert level == 0 or free > 0.9 * total


@pytest.mark.vllm
@with_vllm
@pytest.mark.timeout(600)
def test_two_epochs_of_the_quickstart(tmp_path):
    """Training, validation, evolution and Self-Ref by one engine; the method's effect is there after two epochs."""
    engine = [f"--model.engine={json.dumps({'class_path': 'VLLMEngine', 'init_args': ON_CPU})}"]
    options = [f"--trainer.default_root_dir={tmp_path}", "--trainer.max_epochs=2"]
    main(["fit", "--config", str(QUICKSTART), *engine, *options, "--trainer.enable_progress_bar=false"])
    summary = json.loads((tmp_path / "summary.json").read_text())
    first, last = (epoch["bare"] for epoch in summary["history"])
    assert first["easy"] > 0.8 and first["hard"] < 0.1  # advantage collapse
    assert summary["templates"][0] > 0
    assert last["hard"] > first["hard"] + 0.1
