"""A policy that is read straight into shards is the policy that each process would have loaded whole."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from sharded_processes import run_on
from torch.distributed.device_mesh import init_device_mesh

from p2o.engines import SamplingParams, TransformersEngine
from p2o.engines.canary import check_canary
from p2o.engines.weight_sync import full_tensors
from p2o.logprobs import ScoringPath, choose_path, scoring_path
from p2o.logprobs.shards import whole
from p2o.policy.adapters import LoRA, NoAdapters
from p2o.policy.loading import load_policy
from p2o.policy.references import InitialPolicy
from p2o.policy.sharding import load_placed, outline_in_files, placing
from p2o.types import Prompt
from processes import reached_the_end
from tiny_policy import build_policy

pytestmark = pytest.mark.distributed


def module():
    """A stub of a module, of which loading needs the place and the precision."""
    mesh = init_device_mesh(
        "cpu", (torch.distributed.get_world_size(), 1), mesh_dim_names=("data_parallel", "tensor_parallel")
    )
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    return SimpleNamespace(trainer=SimpleNamespace(strategy=strategy, precision="32-true"), device_mesh=mesh)


@pytest.fixture
def models(tokenizer, tmp_path):
    """Tied and untied, in bfloat16 as most are stored, in several files; and one whose names transformers changes."""
    for name, tied in (("tied", True), ("untied", False)):
        policy = build_policy(len(tokenizer), tokenizer.eos_token_id, tied=tied).to(torch.bfloat16)
        policy.generation_config.eos_token_id = [3, 4]
        policy.save_pretrained(tmp_path / name, max_shard_size="20KB")
        assert len(list((tmp_path / name).glob("model*.safetensors"))) > 1
        tokenizer.save_pretrained(tmp_path / name)
    build_policy(len(tokenizer), tokenizer.eos_token_id, tied=True).model.save_pretrained(tmp_path / "renamed")
    return tmp_path


def compare(folder):
    torch.manual_seed(7)
    ids = torch.tensor([[1, 2, 3, 4]])
    cases = [("tied", NoAdapters()), ("untied", NoAdapters()), ("renamed", NoAdapters())]
    cases += [("tied", LoRA(4)), ("untied", LoRA(4, base_dtype="float32"))]
    load_whole, loaded_whole = placing.load_policy, []
    placing.load_policy = lambda name, *options: loaded_whole.append(name) or load_whole(name, *options)
    for name, adapters in cases:
        path = str(folder / name)
        expected, found = load_policy(path, adapters=adapters), load_placed(module(), path, adapters=adapters)
        assert scoring_path(found) is ScoringPath.PACKED
        assert found.generation_config.eos_token_id == expected.generation_config.eos_token_id
        assert not found.training
        trained = {key: value.requires_grad for key, value in expected.named_parameters()}
        assert {key: value.requires_grad for key, value in found.named_parameters()} == trained
        for key, value in found.named_parameters():
            own = expected.get_parameter(key)
            assert value.dtype == own.dtype and value.to_local().numel() <= own.numel() // 2 + own[0].numel()
            assert torch.equal(value.full_tensor(), own), key
        for key, buffer in found.named_buffers():
            assert torch.equal(buffer, expected.get_buffer(key)), key
        with torch.no_grad():
            torch.testing.assert_close(found(ids).logits, expected(ids).logits, rtol=0, atol=1e-5)
            with whole(found):
                torch.testing.assert_close(found(ids).logits, expected(ids).logits, rtol=0, atol=1e-5)
        assert all(torch.equal(value, dict(full_tensors(expected))[key]) for key, value in full_tensors(found))
        reflects_from_files(found, path, adapters)
    assert loaded_whole == [str(folder / "renamed")]


def reflects_from_files(policy, path, adapters):
    """Unless some process cannot: then all of them load shards together."""
    of_files = partial(outline_in_files, path, adapters)
    expected = load_policy(path).to(adapters.dtype)
    for missing in (False, True):
        outline = (lambda: None) if missing and torch.distributed.get_rank() == 1 else of_files
        initial = InitialPolicy(lambda: policy, lambda: expected, outline)
        for _ in range(2):
            with initial.for_engine() as start:
                if outline() is None or missing or path.endswith("renamed"):
                    assert start is (policy if adapters.plain() else expected)
                else:
                    assert next(start.parameters()).is_meta
                    found, wanted = dict(full_tensors(start)), dict(full_tensors(expected))
                    assert found.keys() == wanted.keys()
                    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_shards_hold_the_weights_of_the_whole_policy(models):
    texts = run_on(2, compare, models)
    reached_the_end(texts)


def check_beside_nothing(folder):
    """The second process has one prompt of its own, then none; its completions end elsewhere."""
    policy = load_placed(module(), str(folder / "untied"))
    for path in (ScoringPath.PACKED, ScoringPath.UNPADDED):
        choose_path(policy, path)
        for count in (1, 0):
            mine = [3, count][torch.distributed.get_rank()]
            prompts = [Prompt(tuple(range(1, 4 + number)), number) for number in range(mine)]
            completions = TransformersEngine().generate(policy, prompts, SamplingParams(1.0, 4), "")
            check_canary(policy, TransformersEngine(), prompts, completions, 1.0)
            torch.distributed.barrier()


def test_the_canary_of_shards_waits_for_no_process_without_prompts(models):
    texts = run_on(2, check_beside_nothing, models, seconds=120)
    reached_the_end(texts)
