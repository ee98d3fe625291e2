"""One run in a folder, and one process that trains in it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p2o.cli.main import main
from p2o.errors import InputError
from p2o.run_folder.claim import LOCK, claimed

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
SMALL = ["--data.train.init_args.easy=4", "--data.train.init_args.hard=0", "--trainer.max_epochs=1"]
SMALL += ["--data.validation.init_args.easy=2", "--data.validation.init_args.hard=0", "--evolution.budget=0"]
SMALL += ["--fixed_questions.questions=0", "--trainer.enable_progress_bar=false"]


def fit(root, *options):
    main(["fit", "--config", str(CONFIG), f"--trainer.default_root_dir={root}", *SMALL, *options])


def refusal(capsys, root, *options):
    with pytest.raises(SystemExit) as stop:
        fit(root, *options)
    assert stop.value.code == 2
    return capsys.readouterr().err


def files(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs") / "first"
    fit(root)
    return root


def test_a_folder_with_a_run_is_refused_and_left_as_it_is(trained, capsys):
    before = files(trained)
    error = refusal(capsys, trained, "--seed_everything=1")
    for way in ("--ckpt_path last", "--trainer.default_root_dir", f"--overwrite, which moves the old run to {trained}"):
        assert way in error
    assert files(trained) == before


def test_overwrite_moves_the_old_run_aside_whole(trained, capsys):
    before = files(trained)
    fit(trained, "--overwrite", "--seed_everything=1")
    old = trained.with_name("first.old-1")
    assert files(old) == before
    assert "overwrite" not in (trained / "config.yaml").read_text()
    assert len(list((trained / "checkpoints").glob("last*.ckpt"))) == 1
    assert f"--overwrite, which moves the old run to {trained.with_name('first.old-2')}" in refusal(capsys, trained)


def test_resuming_and_beginning_anew_contradict_each_other(tmp_path, capsys):
    assert "got both" in refusal(capsys, tmp_path, "--overwrite", "--ckpt_path=last")


def test_a_working_folder_is_not_moved(tmp_path, monkeypatch):
    (tmp_path / "summary.json").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="working folder"), claimed(Path("."), None, overwrite=True):
        pass
    assert (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("path", ["last", "{root}/checkpoints/last.ckpt"])
def test_resuming_is_no_second_run(tmp_path, path):
    (tmp_path / "summary.json").touch()
    with claimed(tmp_path, path.format(root=tmp_path), overwrite=False):
        pass


def test_a_checkpoint_of_elsewhere_is_a_second_run(tmp_path):
    (tmp_path / "summary.json").touch()
    with pytest.raises(InputError, match=r"holds summary\.json"), claimed(tmp_path, "/elsewhere/last.ckpt", False):
        pass


HOLD = """
import sys, time
from pathlib import Path
from p2o.run_folder.claim import claimed
with claimed(Path(sys.argv[1]), "last", False):
    print("claimed", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path, capsys):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "claimed\n"
        assert "another process trains in this folder" in refusal(capsys, tmp_path, "--ckpt_path=last")
        assert "another process trains in this folder" in refusal(capsys, tmp_path, "--overwrite")
        os.kill(other.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with claimed(tmp_path, None, overwrite=False):
                assert [path.name for path in tmp_path.iterdir()] == [LOCK]
            return
        except InputError:
            time.sleep(0.05)
    raise AssertionError("the lock outlived the process that held it")
