"""What an engine that keeps a copy of the weights must notice."""

import copy

import pytest
import torch
import torch.multiprocessing
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from p2o.engines.vllm.tensor_group import TensorGroup
from p2o.engines.weight_sync import full_tensors, weights_fingerprint
from p2o.types import Prompt
from processes import FORKED
from tiny_policy import build_policy


def adamw(policy, **options):
    for parameter in policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.AdamW(policy.parameters(), lr=1e-3, **options).step()


@pytest.mark.parametrize("options", [{}, {"fused": True}, {"foreach": False}], ids=str)
def test_an_optimizer_step_changes_the_fingerprint(policy, options):
    before = weights_fingerprint(policy)
    assert weights_fingerprint(policy) == before
    adamw(policy, **options)
    assert all(
        now != then for now, then in zip(weights_fingerprint(policy), before, strict=True)
    )  # sum and norm of each


def test_one_weight_changes_the_fingerprint(policy):
    before = weights_fingerprint(policy)
    policy.lm_head.weight.data[3, 4] += 1e-6
    assert weights_fingerprint(policy) != before


def test_equal_weights_have_the_same_fingerprint_and_passes_leave_it(policy):
    before = weights_fingerprint(policy)
    assert weights_fingerprint(copy.deepcopy(policy)) == before
    policy(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss.backward()
    assert weights_fingerprint(policy) == before


def test_tied_weights_come_once(policy):
    names = [name for name, _ in full_tensors(policy)]
    assert "model.embed_tokens.weight" in names and "lm_head.weight" in names
    policy.lm_head.weight = policy.model.embed_tokens.weight
    assert "lm_head.weight" not in [name for name, _ in full_tensors(policy)]


def test_two_processes_share_weights_and_prompts(tmp_path):
    """FSDP2's shards come whole, their change is noticed by both, and a group samples the prompts of both."""
    torch.multiprocessing.start_processes(
        check_two_processes, args=(str(tmp_path / "store"),), nprocs=2, start_method=FORKED.get_start_method()
    )


@torch.no_grad()
def check_two_processes(rank, store):
    torch.distributed.init_process_group("gloo", store=torch.distributed.FileStore(store, 2), rank=rank, world_size=2)
    policy = build_policy(260, 256)
    whole = {name: parameter.detach().clone() for name, parameter in policy.named_parameters()}
    for module in [*policy.model.layers, policy]:
        fully_shard(module, mesh=init_device_mesh("cpu", (2,)))
    found = dict(full_tensors(policy))
    assert found.keys() == whole.keys() and all(torch.equal(found[name], whole[name]) for name in whole)
    before = weights_fingerprint(policy)
    assert weights_fingerprint(policy) == before
    if rank == 0:  # the other process's shard stays as it is, and it must come to the same decision
        next(policy.parameters()).to_local().mul_(2)
    assert weights_fingerprint(policy) != before
    own = [Prompt((rank,), seed) for seed in range(rank + 1)]
    everyones, where = TensorGroup(2).share(own)
    assert everyones == [Prompt((0,), 0), Prompt((1,), 0), Prompt((1,), 1)] and everyones[where] == own
    torch.distributed.destroy_process_group()
