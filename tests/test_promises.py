"""What a release promises to the next: its checkpoints resume, and its figures are those it had."""

import json
import os
import platform
from pathlib import Path

import pytest
import torch

from p2o.cli.main import main
from p2o.policy.checkpoints import load_checkpoint
from p2o.policy.checkpoints.place import place_in
from tools.freeze_checkpoint import FOLDER, OPTIONS, PLACE

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "frozen" / "quickstart_figures.json"


def test_the_checkpoint_of_0_1_0_resumes_within_its_epoch(tmp_path, monkeypatch):
    """A failure is a broken promise: count `FORMAT` up, and say in the changelog which release reads it."""
    monkeypatch.chdir(ROOT)
    checkpoint = FOLDER / "last.ckpt"
    assert load_checkpoint(checkpoint, to_resume=True)["p2o"]["version"] == "0.1.0"
    assert place_in(load_checkpoint(checkpoint)) == PLACE
    place = [f"--trainer.default_root_dir={tmp_path}", f"--ckpt_path={checkpoint}"]
    main([*OPTIONS, *place, "--rollout_log.enabled=false"])
    expected, found = (json.loads((root / "summary.json").read_text()) for root in (FOLDER, tmp_path))
    assert found["finished"] and found["epochs"] == expected["epochs"] == 2
    for name in ("hard_set", "templates", "rollouts", "best_dev_score"):
        assert found[name] == expected[name], name
    assert found["history"][0] == expected["history"][0]  # the first epoch is the checkpoint's


def key() -> str:
    """What floating-point sums depend on besides the code."""
    version = torch.__version__.partition("+")[0]
    return f"torch {version}, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


@pytest.mark.slow
def test_the_quickstart_gives_the_figures_it_gave(tmp_path):
    """A small quickstart. Other figures by the same torch on such a CPU are a change that users must be told of.

    To take them over: delete the entry in the file, and run this test with P2O_GOLDEN=write.
    """

    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    write = os.environ.get("P2O_GOLDEN") == "write"
    if key() not in golden and not write:
        pytest.skip(f"no figures of {key()}")
    small = ["--trainer.max_epochs=2", "--data.train.init_args.easy=12", "--data.train.init_args.hard=12"]
    small += ["--data.validation.init_args.easy=8", "--data.validation.init_args.hard=8", "--evolution.budget=80"]
    small += ["--trainer.enable_progress_bar=false", "--trainer.logger=false", "--model.max_completion_length=48"]
    config = f"--config={ROOT / 'configs' / 'quickstart.yaml'}"
    main(["fit", config, f"--trainer.default_root_dir={tmp_path}", *small])
    summary = json.loads((tmp_path / "summary.json").read_text())
    names = ("reward", "hard_set", "history", "templates", "best_dev_score", "rollout_history", "tokens")
    figures = {name: summary[name] for name in names}
    if write and key() not in golden:
        GOLDEN.write_text(json.dumps(golden | {key(): figures}, indent=2) + "\n")
    else:
        assert figures == golden[key()]
