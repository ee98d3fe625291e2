"""`p2o plan` as a user calls it."""

from pathlib import Path

import pytest

from p2o.cli.main import main

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def test_calibrates_on_the_real_policy_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["plan", "--config", str(CONFIG), "--calibration", "12"])
    printed = capsys.readouterr().out
    assert "epochs of 192 questions x 6 rollouts, 1 process" in printed
    assert "Calibrated on 12 rollouts" in printed and "none found" in printed
    assert list(tmp_path.rglob("*")) == []


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
