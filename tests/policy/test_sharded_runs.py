"""Runs in shards whose checkpoints are folders: whoever goes on, measures or exports finds what the run has."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from p2o.cli.main import main
from p2o.policy.checkpoints import load_checkpoint
from p2o.policy.export import export
from processes import reached_the_end
from quickstart_run import CONFIG, SHAPED, SMALL, farthest, fit, fit_on_two, weights

pytestmark = pytest.mark.distributed
ROUNDING = 5e-6  # sums over other numbers of processes are added in another order; the learning rate is 2e-4
FOLDERS = "--trainer.strategy={class_path: p2o.policy.sharding.ShardedStrategy, init_args: {largest_file: 0}}"
SIX = ("--data.train.init_args.easy=6", "--data.train.init_args.hard=6", *SHAPED)  # questions in a batch


def part(processes: int) -> tuple[str, str]:
    """The batch of each process."""
    return f"--data.batch_size={6 // processes}", f"--model.mini_batch_size={6 // processes}"


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Two epochs on two processes; the checkpoint of the first one is kept."""
    root = tmp_path_factory.mktemp("straight")
    more = ("--trainer.max_epochs=2", "--checkpoint.keep_every_n_epochs=1")
    texts = fit_on_two(root, *SIX, *part(2), FOLDERS, *more)
    reached_the_end(texts)
    return root


@pytest.fixture(scope="module")
def first(straight):
    """The checkpoint of the first epoch."""
    path = straight / "checkpoints" / "kept-epoch=0.ckpt"
    assert path.is_dir()
    return path


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_a_folder_resumes_on_any_number_of_processes(straight, first, tmp_path, processes):
    options = (*SIX, *part(processes), "--trainer.max_epochs=2", f"--ckpt_path={first}")
    if processes == 1:
        fit(tmp_path, *options)
        assert (tmp_path / "checkpoints" / "last.ckpt").is_file()
    else:
        texts = fit_on_two(tmp_path, *options, FOLDERS, processes=processes)
        reached_the_end(texts)
        assert (tmp_path / "checkpoints" / "last.ckpt").is_dir()
    assert farthest(straight, tmp_path) < (1e-12 if processes == 2 else ROUNDING)


def test_a_file_resumes_on_three_processes(straight, tmp_path):
    """Below `largest_file`, as small policies have it."""
    texts = fit_on_two(tmp_path / "two", *SIX, *part(2), "--trainer.strategy=sharded")
    path = tmp_path / "two" / "checkpoints" / "last.ckpt"
    assert path.is_file(), texts
    resumed = ("--trainer.strategy=sharded", "--trainer.max_epochs=2", f"--ckpt_path={path}")
    texts = fit_on_two(tmp_path / "three", *SIX, *part(3), *resumed, processes=3)
    reached_the_end(texts)
    assert farthest(straight, tmp_path / "three") < ROUNDING


def test_a_folder_is_measured_and_exported_by_one_process(straight, first, tmp_path):
    path = straight / "checkpoints" / "last.ckpt"
    export(path, tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model").state_dict()
    saved = weights(straight)
    assert {f"policy.{name}" for name in model} == saved.keys()
    assert all(torch.equal(model[name], saved[f"policy.{name}"]) for name in model)
    words = [word for word in SMALL if "limit_train" not in word and "max_epochs" not in word]
    words = [word.replace("limit_val_batches=0", "limit_val_batches=1") for word in words]
    main(
        [
            "validate",
            f"--config={CONFIG}",
            f"--trainer.default_root_dir={tmp_path}",
            *words,
            *SIX,
            f"--ckpt_path={path}",
        ]
    )


def test_a_folder_of_another_model_or_other_adapters_is_one_message(first, tmp_path, tiny_model):
    resumed = (*SIX, *part(2), FOLDERS, "--trainer.max_epochs=2", f"--ckpt_path={first}")
    for number, other in enumerate([f"--model.model={tiny_model}", "--model.adapters=LoRA"]):
        texts = fit_on_two(tmp_path / str(number), *resumed, other)
        assert all("belongs to another config" in text and text.endswith("exit 2") for text in texts), texts
        assert not any("Traceback" in text for text in texts), texts


def test_a_folder_in_a_run_folder_is_named_and_last_goes_on_from_it(straight, first, tmp_path):
    content = load_checkpoint(first, to_resume=True)
    assert content["epoch"] == 0 and content["p2o_run"]["place"] == {"epoch": 1, "batch": 0, "validated": False}
    files = json.loads((first / "manifest.json").read_text())["files"]
    assert {name.partition("-model")[0] for name in files} == {"shard-00001", "shard-00002", "state.pt"}
