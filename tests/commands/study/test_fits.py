import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from p2o.commands.study.fits import Store, config_fingerprint
from p2o.errors import InputError
from p2o.io import importable

CONFIG = {
    "seed_everything": 0,
    "trainer": {"max_epochs": 2, "default_root_dir": "runs/a", "enable_progress_bar": None},
    "model": {"lr": 1e-4},
    "console_samples": {"every": 0},
}


def changed(section, **values):
    config = deepcopy(CONFIG)
    config[section] |= values
    return config


@pytest.mark.parametrize(
    "config",
    [changed("trainer", default_root_dir="b"), changed("console_samples", every=2), CONFIG | {"seed_everything": 3}],
)
def test_place_and_seed_leave_the_fingerprint(config):
    assert config_fingerprint(config) == config_fingerprint(CONFIG)


@pytest.mark.parametrize(
    "config", [changed("trainer", max_epochs=3), changed("model", lr=2e-4), CONFIG | {"a_new_section": {"x": 1}}]
)
def test_all_else_changes_it(config):
    assert config_fingerprint(config) != config_fingerprint(CONFIG)


def test_one_folder_for_a_config_and_a_seed(tmp_path):
    store = Store(tmp_path)
    first = store.fit("a-b", CONFIG, 0)
    assert store.fit("other", CONFIG, 0).folder == first.folder
    assert store.fit("a-b", CONFIG, 1).folder != first.folder
    assert store.fit("a-b", changed("model", lr=1.0), 0).folder != first.folder
    first.folder.mkdir()
    assert Store(tmp_path).fit("other", CONFIG, 0).folder == first.folder
    assert Store(tmp_path).fit("other", CONFIG, 1).folder.name.startswith("other-")


def test_a_run_finds_classes_where_the_study_found_them(tmp_path, monkeypatch):
    """Beside a config in another folder, which the run's own config file does not name."""
    (tmp_path / "beside_a_config.py").write_text("from p2o.rewards import MathAnswer\n\nclass Mine(MathAnswer): pass\n")
    config = yaml.safe_load((Path(__file__).parents[3] / "configs" / "quickstart.yaml").read_text())
    config["model"] |= {"reward": {"class_path": "beside_a_config.Mine"}, "max_completion_length": -1}
    monkeypatch.setattr(importable, "_added", [])
    monkeypatch.setattr(sys, "path", [*sys.path])
    importable.make_importable([tmp_path])
    fit = Store(tmp_path / "fits").fit("a", config, 0)
    assert not fit.run()
    assert "beside_a_config" not in fit.tail() and "max_completion_length" in fit.tail()


@pytest.mark.parametrize(
    "option",
    [{"check_val_every_n_epoch": 2}, {"limit_val_batches": 0}, {"val_check_interval": 0.4}, {"val_check_interval": 1}],
)
def test_a_run_without_a_validation_of_each_epoch_is_refused_before_it_begins(tmp_path, option):
    with pytest.raises(InputError, match=f"expected a validation after each epoch, trainer.{next(iter(option))} is"):
        Store(tmp_path).fit("a", changed("trainer", **option), 0)


def started(monkeypatch):
    """Configs of the processes that are started, each by what it was given; none is."""
    configs = []

    def start(command, **settings):
        configs.append(yaml.safe_load(Path(command[command.index("--config") + 1]).read_text()))

    monkeypatch.setattr(subprocess, "run", start)
    return configs


def test_no_two_runs_share_a_folder_of_checkpoints(tmp_path, monkeypatch):
    configs = started(monkeypatch)
    fit = Store(tmp_path).fit("a", CONFIG | {"checkpoint": {"dirpath": "shared", "keep": 2}}, 0)
    fit.run()
    assert configs[0]["checkpoint"] == {"dirpath": None, "keep": 2}
    assert configs[0]["trainer"]["default_root_dir"] == str(fit.folder)


def test_what_another_process_has_run_meanwhile_is_not_run_again(tmp_path, monkeypatch):
    configs = started(monkeypatch)
    fit = Store(tmp_path).fit("a", CONFIG, 0)
    fit.folder.mkdir()
    (fit.folder / "summary.json").write_text('{"finished": true}')
    assert fit.run() and not configs


@pytest.mark.parametrize("section", ["validation_log", "run_summary"])
def test_a_run_without_the_logs_that_the_tables_need_is_refused_before_it_begins(tmp_path, section):
    with pytest.raises(InputError, match=f"leave {section}.enabled at true"):
        Store(tmp_path).fit("a", CONFIG | {section: {"enabled": False}}, 0)
