"""Checkpoints as folders of shards: written by any number of processes, read by any other, never half replaced."""

import os
import shutil

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only
from sharded_processes import run_on, sharded_net

from p2o.errors import InputError
from p2o.io.places import aside
from p2o.policy.checkpoints.folder import MANIFEST, STATE, write_folder
from p2o.policy.checkpoints.reading import RESUMED, load_checkpoint, newest_checkpoint
from p2o.policy.checkpoints.shards import load_shards
from p2o.policy.checkpoints.storage import WholeFiles, link, sweep
from processes import start


def content(value: float, **more) -> dict:
    sections = {name: {} for name in RESUMED} | {"optimizer_states": []}
    p2o = {"model": "x", "config": {}, "format": 1, "version": "0.1.0"}
    return {**sections, "state_dict": {"weight": torch.full((4, 4), value)}, "p2o": p2o, **more}


def value(path) -> float:
    return float(load_checkpoint(path, to_resume=True)["state_dict"]["weight"][0, 0])


def write_shards(folder):
    net, optimizer = sharded_net(step=True)
    state = {"state_dict": net.state_dict(keep_vars=True), "optimizer_states": [optimizer.state_dict()]}
    write_folder(content(0.0, **state), folder / "last.ckpt")


def read_shards(folder):
    """Into shards that have other values, and back out of them."""
    net, optimizer = sharded_net(step=False)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(-1)
    path = folder / "last.ckpt"
    load_shards(path, load_checkpoint(path), net, [optimizer])
    whole = {name: tensor.full_tensor() for name, tensor in net.state_dict().items()}
    moments = [{n: getattr(v, "full_tensor", lambda v=v: v)() for n, v in s.items()} for s in optimizer.state.values()]
    assert optimizer.param_groups[0]["lr"] == 0.1
    count = torch.distributed.get_world_size()
    if torch.distributed.get_rank() == 0:
        torch.save((whole, moments), folder / f"read-by-{count}.pt")


@pytest.mark.distributed
def test_any_number_of_processes_reads_what_another_number_wrote(tmp_path):
    assert all(text.endswith("exit 0") for text in run_on(2, write_shards, tmp_path))
    assert {path.suffix for path in (tmp_path / "last.ckpt").iterdir()} == {".safetensors", ".json", ".pt"}
    loaded = load_checkpoint(tmp_path / "last.ckpt", to_resume=True)
    weights, [optimizer] = loaded["state_dict"], loaded["optimizer_states"]
    assert weights.shapes == {name: tuple(tensor.shape) for name, tensor in weights.items()}
    assert torch.equal(weights["first.weight"], weights["tied.weight"])
    for count in (1, 2, 3):
        texts = run_on(count, read_shards, tmp_path)
        assert all(text.endswith("exit 0") for text in texts), texts
        whole, moments = torch.load(tmp_path / f"read-by-{count}.pt")
        assert whole.keys() == weights.keys()
        assert all(torch.equal(whole[name], weights[name]) for name in whole)
        for key, state in enumerate(moments):
            assert state.keys() == optimizer["state"][key].keys() == {"step", "exp_avg", "exp_avg_sq"}
            assert all(torch.equal(state[name], optimizer["state"][key][name]) for name in state)
            assert torch.equal(state["exp_avg"], torch.full_like(state["exp_avg"], 0.1 * (key + 1)))


def test_a_folder_comes_back_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    for number in (1.0, 2.0):
        assert write_folder(content(number), path) == sum((path / name).stat().st_size for name in [STATE])
        assert value(path) == number
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_a_file_and_a_folder_take_each_others_place(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint(content(1.0), path)
    write_folder(content(2.0), path)
    assert path.is_dir() and value(path) == 2
    WholeFiles().save_checkpoint(content(3.0), path)
    assert path.is_file() and value(path) == 3
    assert os.listdir(tmp_path) == ["last.ckpt"]


def die_at(path, call: int) -> None:
    """Replaces a folder in a process that ends without a word before its n-th change of a name."""
    calls = []

    def counted(function):
        def change(*arguments):
            calls.append(arguments)
            if len(calls) == call:
                os._exit(9)
            return function(*arguments)

        return change

    os.replace, shutil.rmtree = counted(os.replace), counted(shutil.rmtree)
    write_folder(content(2.0), path)


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_whoever_dies_while_replacing_leaves_the_old_one_or_the_new_one(tmp_path, call):
    path = tmp_path / "last.ckpt"
    write_folder(content(1.0), path)
    process = start(die_at, path, call)
    process.join(60)
    assert process.exitcode == (9 if call < 4 else 0)
    found = newest_checkpoint(tmp_path)
    assert value(found) == value(path) == (1 if call <= 2 else 2)
    if call == 2:
        assert found == aside(path)
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["last.ckpt"]
    assert value(path) == (1 if call <= 2 else 2)
    write_folder(content(3.0), path)
    assert value(path) == 3


@pytest.mark.parametrize("name", [STATE, MANIFEST])
def test_what_is_damaged_or_missing_is_found_and_last_falls_back(tmp_path, name):
    for number, folder in enumerate(["epoch=0.ckpt", "last.ckpt"]):
        write_folder(content(number), tmp_path / folder)
    part = tmp_path / "last.ckpt" / name
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(tmp_path / "last.ckpt")
    part.unlink()
    with pytest.warns(UserWarning, match=r"last\.ckpt.*\n.*epoch=0\.ckpt is the newest"):
        assert newest_checkpoint(tmp_path).name == "epoch=0.ckpt"


def test_one_process_of_a_run_reads_every_byte_and_the_others_look_at_sizes(tmp_path, monkeypatch):
    path, damaged = tmp_path / "last.ckpt", tmp_path / "damaged.ckpt"
    for folder in (path, damaged):
        write_folder(content(1.0, note="x" * 100_000), folder)
    part = damaged / STATE
    part.write_bytes(part.read_bytes().replace(b"x" * 100, b"y" * 100, 1))
    read = []
    monkeypatch.setattr("p2o.policy.checkpoints.folder._sum", lambda file: read.append(file) or "another")
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # of what launched this process: the others are not known yet
    assert value(path) == value(damaged) == 1
    assert read == []
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"damaged .* expected \d+ bytes of state.pt, found \d+"):
        load_checkpoint(damaged)
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    with pytest.raises(InputError, match=r"the check sum of state\.pt is wrong"):
        load_checkpoint(path)
    assert read == [path / STATE]


def read_by_name(folder):
    """Each process asks for another checkpoint, as where the first one alone has found that the newest is damaged."""
    rank = torch.distributed.get_rank()
    print(float(WholeFiles().load_checkpoint(folder / f"{rank}.ckpt")["state_dict"]["weight"][0, 0]))


@pytest.mark.distributed
def test_all_processes_go_on_from_where_the_first_one_does(tmp_path):
    for number in (0, 1):
        write_folder(content(number), tmp_path / f"{number}.ckpt")
    assert all(text.split() == ["0.0", "exit", "0"] for text in run_on(2, read_by_name, tmp_path))


def test_a_second_name_outlives_the_first(tmp_path):
    write_folder(content(1.0), tmp_path / "epoch=0.ckpt")
    link(tmp_path / "epoch=0.ckpt", tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt" / STATE).samefile(tmp_path / "epoch=0.ckpt" / STATE)
    WholeFiles().remove_checkpoint(tmp_path / "epoch=0.ckpt")
    assert os.listdir(tmp_path) == ["last.ckpt"] and value(tmp_path / "last.ckpt") == 1


def test_a_disk_that_is_full_costs_one_message_and_nothing_older(tmp_path):
    path = tmp_path / "last.ckpt"
    write_folder(content(1.0), path)
    process = start(write_on_a_full_disk, path, log=tmp_path / "said.txt")
    process.join(60)
    assert process.exitcode == 0, (tmp_path / "said.txt").read_text()
    assert value(path) == 1
    assert sorted(os.listdir(tmp_path)) == ["last.ckpt", "said.txt"]


def write_on_a_full_disk(path) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with pytest.raises(InputError, match="cannot be written"):
        write_folder(content(2.0), path)
