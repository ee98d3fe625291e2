"""Rows with signal, dealt out over processes."""

import random
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from p2o.objective.context_estimators import Masked
from p2o.objective.load_balancing import balanced, deal
from p2o.objective.losses import ClippedLoss
from p2o.objective.objective import Objective
from p2o.objective.rows import TrainingSample
from processes import FORKED
from tiny_policy import build_policy


def make_rows(process: int) -> list[TrainingSample]:
    """Four questions of two rows; on process 0 all have signal, one of them on process 1, and none on process 2."""
    rows = []
    for question in range(4):
        bare = (process + 1, question + 1, 3)
        for k, sign in enumerate((1.0, -1.0)):
            advantage = sign if process == 0 or (process, question) == (1, 2) else 0.0
            completion = tuple(range(10, 12 + 3 * question + k))
            rows.append(TrainingSample(bare, (9, *bare), completion, advantage))
    return rows


def needs(rows):
    return [row.advantage != 0 for row in rows]


def test_alone_every_row_stays():
    rows = make_rows(1)
    assert balanced(rows, needs(rows), bare=True) is rows


@pytest.mark.parametrize(
    ("tokens", "taken"),
    [
        ([[5, 4, 3, 2], []], [[(0, 0), (0, 3)], [(0, 1), (0, 2)]]),
        ([[], [7]], [[], [(1, 0)]]),  # nothing moves without need
        ([[3], [3]], [[(0, 0)], [(1, 0)]]),
        ([[], []], [[], []]),
    ],
)
def test_the_largest_go_first_to_who_has_least(tokens, taken):
    assert deal(tokens) == taken


@pytest.mark.parametrize("seed", range(50))
def test_every_group_is_passed_once_and_loads_differ_by_one_group_at_most(seed):
    draw = random.Random(seed)
    tokens = [[draw.randint(1, 1000) for _ in range(draw.randint(0, 6))] for _ in range(draw.randint(1, 6))]
    taken = deal(tokens)
    groups = [group for groups in taken for group in groups]
    assert sorted(groups) == [(owner, number) for owner, sizes in enumerate(tokens) for number in range(len(sizes))]
    loads = [sum(tokens[owner][number] for owner, number in groups) for groups in taken]
    assert max(loads) - min(loads) <= max((size for sizes in tokens for size in sizes), default=0)
    for process, groups in enumerate(taken):  # else it would have no row that nobody needs
        assert groups or not tokens[process]


def loss_of(policy, objective, rows, size):
    old = objective.old_logps(policy, rows, 100, on_policy=True)
    return objective(policy, rows, old, size).loss


def check(rank, folder):
    store = torch.distributed.FileStore(f"{folder}/store", 3)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=3)
    policy, objective = build_policy(260, 256), Objective(Masked(0.2, 5.0), ClippedLoss(), 1.0)
    everyone = [row for process in range(3) for row in make_rows(process)]
    size = objective.size(everyone) / 3
    own = make_rows(rank)
    rows = balanced(own, [objective.needs(row) for row in own], bare=True)
    tokens = torch.zeros(3)
    tokens[rank] = sum(len(row.completion_ids) for row in rows if row.advantage)
    torch.distributed.all_reduce(tokens)
    assert tokens.sum() == sum(len(row.completion_ids) for row in everyone if row.advantage)
    assert tokens.min() > 0.5 * tokens.max()  # without dealing: 52, 16 and nothing
    loss_of(policy, objective, rows, size).backward()
    gradients = [parameter.grad.clone() for parameter in policy.parameters()]
    for gradient in gradients:
        torch.distributed.all_reduce(gradient)
    policy.zero_grad()
    loss_of(policy, objective, everyone, size).backward()
    for gradient, parameter in zip(gradients, policy.parameters(), strict=True):
        assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)
    few = [replace(row, advantage=row.advantage * (rank == 1)) for row in own]
    kept = balanced(few, needs(few), bare=True)
    assert [row in few for row in kept] == [True] * len(kept) and len(kept) == (2 if rank == 1 else 1)
    torch.distributed.destroy_process_group()


def test_three_processes_have_the_gradient_of_all_rows(tmp_path):
    torch.multiprocessing.start_processes(
        check, args=(str(tmp_path),), nprocs=3, start_method=FORKED.get_start_method()
    )
