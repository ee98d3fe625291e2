"""Where the config of a run is written."""

import pytest
from jsonargparse import ArgumentParser
from lightning import Trainer
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import DummyLogger

from p2o.cli.sections import loggers
from p2o.cli.trainer import COMMON


class Elsewhere(DummyLogger):
    """A logger that keeps its files in a folder that is not its alone, as WandbLogger does, or in none."""

    def __init__(self, save_dir):
        super().__init__()
        self.folder = save_dir

    @property
    def save_dir(self):
        return self.folder


def set_up(root, logger, stage):
    parser = ArgumentParser()
    parser.add_argument("--tau", type=int, default=3)
    trainer = Trainer(default_root_dir=root, logger=logger, accelerator="cpu", enable_progress_bar=False)
    saving = COMMON["save_config_callback"](parser, parser.parse_args([]), **COMMON["save_config_kwargs"])
    saving.setup(trainer, None, stage)


@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
@pytest.mark.parametrize("kind", ["working folder", "none", "no logger", "a fixed version"])
def test_a_config_that_lies_there_is_left_alone(tmp_path, monkeypatch, stage, kind):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs" / "x"
    root.mkdir(parents=True)
    for folder in (tmp_path, root):
        (folder / "config.yaml").write_text("mine\n")
    made = {
        "working folder": [Elsewhere("."), *loggers(root)],
        "none": Elsewhere(None),
        "no logger": False,
        "a fixed version": CSVLogger(tmp_path / "runs", name="", version="x"),
    }
    set_up(root, made[kind], stage)
    assert [(folder / "config.yaml").read_text() for folder in (tmp_path, root)] == ["mine\n"] * 2


@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_the_log_of_a_run_has_the_config_beside_it(tmp_path, stage):
    set_up(tmp_path, loggers(tmp_path), stage)
    assert (tmp_path / "logs" / "version_0" / "config.yaml").read_text() == "tau: 3\n"
    assert not (tmp_path / "config.yaml").exists()
