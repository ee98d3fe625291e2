"""A part with a default that no config can hold is refused before anything runs: its config.yaml would be useless."""

import sys

import pytest
import yaml

import p2o
from p2o.cli.config import read_config
from p2o.cli.main import main
from p2o.errors import InputError

OWN = """
import torch
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2o.rewards import MathAnswer, Reward


class Rich(Reward):
    def __init__(self, base: Reward = MathAnswer(), many: Sequence[Reward] = (MathAnswer(),)):
        self.base = base

    def grade(self, answered):
        return self.base.grade(answered)


@dataclass
class Field(Reward):
    base: Reward = field(default_factory=MathAnswer)

    def grade(self, answered):
        return self.base.grade(answered)


class OnDevice(Field):
    def __init__(self, device: torch.device = torch.device("cpu")):
        super().__init__()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "rich_rewards.py").write_text(OWN, encoding="utf-8")
    monkeypatch.setattr("sys.path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("rich_rewards", None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Rich", r"model\.reward\.many\[0\]: .*default of rich_rewards\.Rich, .*MathAnswer object>"),
        ("Field", r"model\.reward\.base: .*default of rich_rewards\.Field.*class_path"),
        ("OnDevice", r"model\.reward\.device: .*default of rich_rewards\.OnDevice, got cpu"),
    ],
)
def test_a_default_that_holds_an_object_is_refused_when_a_config_is_read(folder, name, message):
    with pytest.raises(InputError, match=message) as refused:
        read_config(["--config", "p2o:quickstart", f"--model.reward=rich_rewards.{name}"])
    assert " at 0x" not in str(refused.value)


def test_a_fit_is_refused_before_it_makes_a_folder(folder):
    options = {"model.reward": "rich_rewards.Rich", "trainer.default_root_dir": "run", "trainer.fast_dev_run": True}
    with pytest.raises(InputError, match=r"model\.reward\.many\[0\]"):
        p2o.fit("p2o:quickstart", options)
    assert not (folder / "run").exists()


def test_a_comparison_is_refused_before_it_starts_a_run(folder, monkeypatch, capsys):
    monkeypatch.setattr("p2o.cli.commands.compare.run_missing", lambda *_: pytest.fail("a run was started"))
    study = {
        "configs": ["p2o:quickstart"],
        "baseline": "plain",
        "methods": {"plain": {}, "mine": {"options": {"model.reward": "rich_rewards.Rich"}}},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["compare", "study.yaml", "--out", "out"])
    assert "study.yaml: mine: model.reward.many[0]" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_the_same_part_named_in_the_config_is_written_down(folder):
    words = ["--config", "p2o:quickstart", "--model.reward=rich_rewards.Rich", "--model.reward.many=[ExactAnswer]"]
    reward = read_config(words)["model"]["reward"]["init_args"]
    assert [part["class_path"] for part in [reward["base"], *reward["many"]]] == [
        "p2o.rewards.MathAnswer",
        "p2o.rewards.ExactAnswer",
    ]
