"""How vLLM is started, without vLLM."""

import json
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from p2o.engines.vllm.start import start_vllm
from p2o.errors import InputError


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def starts(monkeypatch, temporary):
    """What `vllm.LLM` is given at each start, and what LOCAL_RANK is then; no variable stays."""
    found = []

    def start(**arguments):
        found.append(SimpleNamespace(arguments=arguments, local_rank=os.environ.get("LOCAL_RANK")))

    parts = {
        "vllm": {"LLM": start},
        "vllm.config": {"WeightTransferConfig": SimpleNamespace},
        "p2o.engines.vllm.transfer": {"BACKEND": "p2o"},
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_LOGGING_LEVEL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return found


@pytest.fixture
def on_device(monkeypatch):
    """Makes this process one that has a device of this number."""

    def have(number):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: number)

    return have


@pytest.fixture
def one_of_four(monkeypatch):
    """Makes this process the second of a distributed run."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)


@pytest.mark.parametrize("said", ["1", None])
def test_vllm_takes_the_device_of_the_process_and_not_its_place_in_the_list(
    policy, starts, on_device, one_of_four, monkeypatch, said
):
    on_device(5)  # trainer.devices: [4, 5, 6, 7]
    if said:
        monkeypatch.setenv("LOCAL_RANK", said)  # as Lightning does
    start_vllm(policy, {})
    assert starts[0].local_rank == "5"
    assert starts[0].arguments["distributed_executor_backend"] == "external_launcher"
    assert os.environ.get("LOCAL_RANK") == said
    assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("1", "4")


def test_processes_without_devices_keep_their_place(policy, starts, one_of_four, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    start_vllm(policy, {})
    assert starts[0].local_rank == "1"


def test_one_process_on_another_device_than_the_first_is_refused(policy, starts, on_device):
    on_device(3)
    with pytest.raises(InputError, match=r"number 3. Set CUDA_VISIBLE_DEVICES=3 and trainer.devices: 1"):
        start_vllm(policy, {})
    assert starts == []
    on_device(0)
    start_vllm(policy, {})
    assert starts[0].local_rank is None and "distributed_executor_backend" not in starts[0].arguments


def test_the_same_config_has_the_same_folder_in_every_run(policy, starts, temporary):
    """Its path is part of what vLLM finds compiled code by."""
    for layers in (2, 2, 1):
        policy.config.num_hidden_layers = layers
        start_vllm(policy, {})
    first, again, other = (Path(start.arguments["model"]) for start in starts)
    assert first == again != other
    assert first.parent.parent == temporary and first.parent.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in temporary.rglob("*") if path.is_file()} == {"config.json"}
    written = (first / "config.json").read_text()
    assert json.loads(written)["num_hidden_layers"] == 2
    (first / "config.json").write_text("cut")
    policy.config.num_hidden_layers = 2
    start_vllm(policy, {})
    assert (first / "config.json").read_text() == written


@pytest.mark.parametrize("odd", ["link", "file", "open to all", "another's"])
def test_a_folder_that_others_could_write_to_is_refused(policy, starts, temporary, monkeypatch, odd):
    (temporary / "elsewhere").mkdir()
    folder = temporary / f"p2o-vllm-{os.getuid()}"
    if odd == "link":
        folder.symlink_to(temporary / "elsewhere")
    elif odd == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777 if odd == "open to all" else 0o700)
    if odd == "another's":
        other = os.getuid() + 1
        folder.rename(temporary / f"p2o-vllm-{other}")
        monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(InputError, match=r"p2o-vllm-\d+: expected a folder of this user .* or set TMPDIR"):
        start_vllm(policy, {})
    assert starts == [] and list((temporary / "elsewhere").iterdir()) == []
