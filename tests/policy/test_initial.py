"""The policy before training, whole or in files: the same weights, and no memory where an engine has a copy."""

import pytest
import torch
from copying_engine import CopyingEngine

from p2o.engines import SamplingParams, TransformersEngine
from p2o.engines.weight_sync import full_tensors, weights_fingerprint
from p2o.errors import InputError
from p2o.logprobs import ScoringPath, choose_path, scoring_path
from p2o.policy.adapters import LoRA, NoAdapters
from p2o.policy.loading import load_policy
from p2o.policy.references import AveragePolicy, InitialPolicy
from p2o.policy.sharding import outline_in_files
from p2o.types import Prompt
from tiny_policy import build_policy

PROMPTS = [Prompt((5, 6, 7), seed) for seed in range(4)]


@pytest.fixture(params=["tied", "untied"])
def folder(request, tokenizer, tmp_path):
    """In bfloat16 and in several files, as most models are stored."""
    policy = build_policy(len(tokenizer), tokenizer.eos_token_id, tied=request.param == "tied").to(torch.bfloat16)
    policy.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert len(list((tmp_path / "model").glob("model*.safetensors"))) > 1
    return tmp_path / "model"


def never():
    raise AssertionError("nobody needs the weights in memory")


def test_files_hold_what_would_be_loaded_one_tensor_at_a_time(folder):
    for adapters in (NoAdapters(), LoRA(4), LoRA(4, base_dtype="float32")):
        outline = outline_in_files(str(folder), adapters)
        assert all(parameter.is_meta for parameter in outline.parameters())
        expected = load_policy(str(folder), adapters=NoAdapters()).to(adapters.dtype)
        found, wanted = list(full_tensors(outline)), list(full_tensors(expected))
        assert [name for name, _ in found] == [name for name, _ in wanted]
        for (name, value), (_, other) in zip(found, wanted, strict=True):
            assert value.dtype == other.dtype and torch.equal(value, other), name


def test_an_engine_with_a_copy_samples_from_files_and_then_from_the_policy_again(folder):
    start, policy = load_policy(str(folder)), load_policy(str(folder))
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(1.3)
    initial = InitialPolicy(lambda: policy, never, lambda: outline_in_files(str(folder)))
    engine, sampling = CopyingEngine(str(folder)), SamplingParams(1.0, 8)
    by_policy = engine.generate(policy, PROMPTS, sampling, "")
    for _ in range(2):
        with initial.for_engine() as outline, torch.autocast("cpu", dtype=torch.bfloat16, enabled=False):
            assert engine.generate(outline, PROMPTS, sampling, "") == TransformersEngine().generate(
                start, PROMPTS, sampling, ""
            )
    assert engine.transfers == 2
    assert engine.generate(policy, PROMPTS, sampling, "") == by_policy != []
    assert engine.transfers == 3


def test_what_is_there_anyway_is_taken(folder):
    adapted = load_policy(str(folder), adapters=LoRA(4))
    with InitialPolicy(lambda: adapted, never, never).for_engine() as policy:
        assert policy is adapted
    whole = load_policy(str(folder))
    initial = InitialPolicy(lambda: whole, lambda: load_policy(str(folder)), never)
    with initial() as loaded, initial.for_engine() as policy:
        assert policy is loaded


def test_weights_that_the_files_do_not_have_by_name_are_loaded(tokenizer, tmp_path):
    build_policy(len(tokenizer), tokenizer.eos_token_id, tied=True).model.save_pretrained(tmp_path)
    assert outline_in_files(str(tmp_path)) is None
    initial = InitialPolicy(
        lambda: build_policy(260, 256), lambda: load_policy(str(tmp_path)), lambda: outline_in_files(str(tmp_path))
    )
    with initial.for_engine() as policy:
        assert not next(policy.parameters()).is_meta


def test_files_have_a_fingerprint_of_their_own_and_must_not_change(folder):
    outline = outline_in_files(str(folder))
    files = sorted(folder.glob("model*.safetensors"))
    before = weights_fingerprint(outline)
    assert weights_fingerprint(outline) == before == weights_fingerprint(outline_in_files(str(folder)))
    assert before != weights_fingerprint(load_policy(str(folder)))
    content = files[0].read_bytes()
    files[0].unlink()
    with pytest.raises(InputError, match="could not be read"):
        list(full_tensors(outline))
    files[0].write_bytes(content)
    with pytest.raises(InputError, match="have changed since"):
        weights_fingerprint(outline)
    assert weights_fingerprint(outline_in_files(str(folder))) != before


def test_it_is_scored_as_the_policy_is(folder):
    """A KL between two paths, of which one may be wrong on long rows, would not be 0 for equal weights."""
    policy = load_policy(str(folder))
    copies = (
        InitialPolicy(lambda: policy, lambda: load_policy(str(folder)), never),
        AveragePolicy(lambda: policy, lambda: load_policy(str(folder)), 0.5),
    )
    for path in (ScoringPath.PADDED, ScoringPath.UNPADDED):
        choose_path(policy, path)
        for copy in copies:
            with copy() as other:
                assert other is not policy and scoring_path(other) is path
