"""`p2o plan` as a user calls it."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from p2o.cli.commands.plan import PlanCLI
from p2o.cli.main import main
from p2o.cli.trainer import parse_command
from p2o.commands.planning.calibration import calibrate
from p2o.commands.planning.page import total
from p2o.commands.planning.phases import phases
from p2o.commands.planning.prices import Paid

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def test_calibrates_on_the_real_policy_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["plan", "--config", str(CONFIG), "--calibration", "12"])
    printed = capsys.readouterr().out
    assert "epochs of 192 questions x 6 rollouts, 1 process" in printed
    assert "Calibrated on 12 rollouts" in printed and "none found" in printed
    assert list(tmp_path.rglob("*")) == []


SMALL = ["--data.train.init_args.easy=12", "--data.train.init_args.hard=24", "--evolution.budget=100"]
SMALL += ["--trainer.max_epochs=2", "--evolution.dev_size=6", "--data.validation.init_args.easy=12"]
SMALL += ["--data.validation.init_args.hard=12", "--fixed_questions.questions=2"]


@pytest.mark.slow
def test_the_time_of_a_real_run_lies_within_the_plan(tmp_path, monkeypatch):
    """In the processor's time of both, since others may use the machine now and not a minute ago."""
    monkeypatch.chdir(tmp_path)
    words = ["fit", "--config", str(CONFIG), *SMALL]
    cli = parse_command(words, PlanCLI)
    run, trainer = cli.planned(), cli.config["fit"].trainer
    measured = replace(calibrate(run, trainer, 72), busy=1.0)
    planned = total(phases(run, measured, Paid())).seconds
    started = time.process_time()
    main([*words, "--progress.style=off", f"--trainer.default_root_dir={tmp_path / 'run'}"])
    took = time.process_time() - started
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    phase_seconds = [seconds for epoch in summary["phase_seconds"] for seconds in epoch.items()]
    share = sum(value for phase, value in phase_seconds if phase != "other") / summary["seconds"]
    assert planned.low < took * share < planned.high, (planned, took, share)
    assert planned.high < 50 * planned.low


def test_an_erroneous_config_is_not_calibrated(capsys):
    main(["plan", "--config", str(CONFIG), "--model.max_prompt_length", "20", "--data.tau", "6"])
    printed = capsys.readouterr().out
    assert "No calibration" in printed and "p2o fit refuses it" in printed and "data.tau (6)" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--calibration", "0"], "at least 1"),
        (["--trainer.max_epochs", "-1"], "counts epochs"),
        (["--trainer.max_epochs", "0"], "max_epochs: expected at least 1"),
        (["--trainer.limit_train_batches", "2"], "leave out trainer.limit_train_batches, got 2"),
        (["--trainer.limit_val_batches", "1"], "leave out trainer.limit_val_batches, got 1"),
        (["--trainer.check_val_every_n_epoch", "3"], "leave out trainer.check_val_every_n_epoch, got 3"),
        (["--trainer.val_check_interval", "0.25"], "leave out trainer.val_check_interval, got 0.25"),
        (["--trainer.accelerator", "gpu", "--trainer.devices", "0;1"], "trainer.devices: expected a number, indices"),
        (["--data.taus", "3"], "taus"),
    ],
)
def test_bad_input_is_one_message(options, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plan", "--config", str(CONFIG), *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_help_is_short(capsys):
    main(["plan", "--help"])
    assert len(capsys.readouterr().out.splitlines()) < 15
