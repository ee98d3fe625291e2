"""What two real processes make of what each has seen."""

import json
from datetime import timedelta
from pathlib import Path

import torch.distributed
import torch.multiprocessing

from factories import rollout
from p2o.distributed.unions import concatenated, first_rank_wins, summed
from p2o.mixture.hard_set import HardSet
from processes import FORKED


def seen(number: int) -> dict:
    hard_set = HardSet(2, 2)
    hard_set.observe([rollout(True, number=0), rollout(False, number=0)])  # the sampler's padding: both have it
    if number:
        hard_set.observe([rollout(True, number=1), rollout(True, number=1)])
    hard_set.join()
    hard_set.close()
    mine = {"both": number, f"rank {number}": number}
    return {
        "hard": sorted(hard_set.hard),
        "first": first_rank_wins(mine),
        "all": concatenated([number, "x"]),
        "sum": summed({"train": 1 + number, f"rank {number}": 5}),
    }


def rank(number, root):
    store = torch.distributed.FileStore(f"{root}/store", 2)
    patience = timedelta(seconds=60)
    torch.distributed.init_process_group("gloo", store=store, rank=number, world_size=2, timeout=patience)
    Path(root, f"rank-{number}").write_text(json.dumps(seen(number)))
    torch.distributed.destroy_process_group()


def test_both_processes_get_the_same_union(tmp_path):
    torch.multiprocessing.start_processes(rank, args=(str(tmp_path),), nprocs=2, start_method=FORKED.get_start_method())
    first, second = (json.loads((tmp_path / f"rank-{number}").read_text()) for number in range(2))
    assert first == second
    assert first["first"] == {"both": 0, "rank 0": 0, "rank 1": 1}
    assert first["all"] == [0, "x", 1, "x"]
    assert first["sum"] == {"train": 3, "rank 0": 5, "rank 1": 5}
    assert first["hard"] == ["q0"]  # one of K was correct, not two of 2K


def test_a_process_that_is_alone_gets_its_own_back():
    assert seen(0) == {
        "hard": ["q0"],
        "first": {"both": 0, "rank 0": 0},
        "all": [0, "x"],
        "sum": {"train": 1, "rank 0": 5},
    }
