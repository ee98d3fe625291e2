"""Checkpoint files: what interrupts or damages one is found, and nothing older suffers."""

import json
import os
import random
import resource
import signal
from types import SimpleNamespace

import pytest
import torch
from transformers.utils.quantization_config import QuantizationMethod

from p2o.errors import InputError
from p2o.policy.adapters import NoAdapters
from p2o.policy.checkpoints.reading import RESUMED, load_checkpoint, newest_checkpoint
from p2o.policy.checkpoints.state import policy_state
from p2o.policy.checkpoints.storage import WholeFiles, link, sweep
from p2o.rollouts.counts import RolloutCounts


def content(value: float = 0.5, **more) -> dict:
    sections = {name: {} for name in RESUMED}
    p2o = {"model": "x", "config": {}, "format": 1, "version": "0.1.0"}
    return {"state_dict": {"weight": torch.full((64, 64), value)}, "p2o": p2o, **sections, **more}


def save(path, value: float = 0.5, **more):
    WholeFiles().save_checkpoint(content(value, **more), path)
    return path


def test_a_checkpoint_comes_back_and_leaves_nothing_beside_it(tmp_path):
    path = save(tmp_path / "checkpoints" / "last.ckpt")
    assert torch.equal(load_checkpoint(path, to_resume=True)["state_dict"]["weight"], torch.full((64, 64), 0.5))
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_what_nobody_could_read_again_is_refused_when_it_is_written(tmp_path):
    """The config of a model from a GGUF file held an enum, and all checkpoints of its run were refused later."""
    path = save(tmp_path / "last.ckpt", 0.5)
    with pytest.raises(InputError, match=r"nobody could read it again: it holds transformers\..*QuantizationMethod"):
        save(path, 0.7, callbacks={"mine": QuantizationMethod.GGUF})
    assert float(load_checkpoint(path)["state_dict"]["weight"][0, 0]) == 0.5
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_config_of_a_policy_is_kept_in_plain_types(policy):
    policy.config.method, policy.config.compute = QuantizationMethod.GGUF, torch.float32
    none = dict.fromkeys(("engine", "reward", "advantage", "context", "loss", "aggregation", "correction"))
    update = SimpleNamespace(objective=SimpleNamespace(regularizers=(), **none))
    module = SimpleNamespace(**none, model="x", policy=policy, adapters=NoAdapters(), update=update)
    module.instruction, module.chat_template_kwargs = "", None
    kept = policy_state(module, {}, RolloutCounts())["config"]
    assert kept == json.loads(json.dumps(kept)) and kept["method"] == "gguf" and kept["hidden_size"] > 0


def test_a_flipped_bit_in_a_weight_is_found(tmp_path):
    """Torch loads it silently."""
    path = save(tmp_path / "last.ckpt")
    data = bytearray(path.read_bytes())
    place = data.index(torch.tensor([0.5] * 8).numpy().tobytes()) + 3
    data[place] ^= 0x40  # in the exponent
    path.write_bytes(data)
    assert not torch.equal(torch.load(path)["state_dict"]["weight"], torch.full((64, 64), 0.5))
    with pytest.raises(InputError, match=r"damaged.*check sum of \S+ is wrong"):
        load_checkpoint(path)


def test_no_damage_is_taken_for_another_content(tmp_path):
    path = save(tmp_path / "last.ckpt")
    good, rng, found = path.read_bytes(), random.Random(0), 0
    for _ in range(200):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        os.utime(path, ns=(rng.randrange(10**9),) * 2)  # sums are compared once for each time stamp
        try:
            weight = load_checkpoint(path, to_resume=True)["state_dict"]["weight"]
        except InputError:
            found += 1
        else:
            assert torch.equal(weight, torch.full((64, 64), 0.5))  # a byte that means nothing
    assert found > 100


def test_last_falls_back_to_the_newest_that_is_whole_and_says_so(tmp_path):
    for number, name in enumerate(["epoch=0.ckpt", "epoch=1.ckpt", "last.ckpt"]):
        os.utime(save(tmp_path / name, value=number), (number, number))
    with (tmp_path / "last.ckpt").open("r+b") as file:
        file.truncate(1000)
    (tmp_path / "epoch=1.ckpt").write_bytes(b"")
    with pytest.warns(
        UserWarning, match=r"(?s)(last|epoch=1)\.ckpt.*(last|epoch=1)\.ckpt.*epoch=0\.ckpt is the newest"
    ):
        assert newest_checkpoint(tmp_path).name == "epoch=0.ckpt"
    (tmp_path / "epoch=0.ckpt").write_bytes(b"")
    with pytest.raises(InputError, match="there is none"):
        newest_checkpoint(tmp_path)
    assert newest_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize("name", RESUMED)
def test_an_incomplete_checkpoint_is_one_message(tmp_path, name):
    whole = content()
    del whole[name]
    WholeFiles().save_checkpoint(whole, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match=f"lacks {name}"):
        load_checkpoint(tmp_path / "last.ckpt", to_resume=True)
    load_checkpoint(tmp_path / "last.ckpt")  # to export it


@pytest.mark.parametrize(("section", "said"), [({}, "of before 0.1.0"), ({"format": 7, "version": "3.1"}, "3.1")])
def test_a_checkpoint_of_another_format_names_its_release(tmp_path, section, said):
    save(tmp_path / "last.ckpt", p2o={"model": "x", "config": {}, **section})
    with pytest.raises(InputError, match=f"written by p2o {said}"):
        load_checkpoint(tmp_path / "last.ckpt")


def test_a_disk_that_is_full_costs_one_message_and_nothing_older(tmp_path):
    """The kernel refuses to make the file longer: a limit of this process in the place of a full disk."""
    path = save(tmp_path / "last.ckpt", value=1.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(InputError, match="cannot be written"):
            save(path, value=2.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]
    assert load_checkpoint(path)["state_dict"]["weight"][0, 0] == 1
    assert load_checkpoint(save(path, value=3.0))["state_dict"]["weight"][0, 0] == 3


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    spool = tmp_path / "rollouts" / ".train-epoch-0000.parquet.part"  # this one, the run goes on with
    for path in (tmp_path / ".summary.json.part-7", tmp_path / "checkpoints" / ".last.ckpt.part-1", spool):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    sweep(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [spool]


def test_after_going_back_a_later_epoch_of_the_way_that_was_left_is_not_taken(tmp_path):
    for number, name in enumerate(["last.ckpt", "epoch=1.ckpt"]):
        os.utime(save(tmp_path / name), (number, number))
    assert newest_checkpoint(tmp_path).name == "last.ckpt"


def test_a_second_name_takes_no_second_place(tmp_path):
    path = save(tmp_path / "epoch=0.ckpt")
    assert link(path, tmp_path / "last.ckpt").samefile(path)
    path.unlink()
    load_checkpoint(tmp_path / "last.ckpt")
