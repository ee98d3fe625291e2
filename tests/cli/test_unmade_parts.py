"""A part of the config that cannot be made is one message: the part, what it said, what to do."""

import re
import sys

import pytest

import p2o
from p2o.cli.main import main
from p2o.errors import InputError

OWN = """
from lightning import Callback
from lightning.pytorch.loggers import CSVLogger


class Counter(Callback):
    def state_dict(self):
        return {"counted": 0}


class Absent(CSVLogger):
    def __init__(self):
        import a_package_that_is_nowhere


class Mistaken(CSVLogger):
    def __init__(self):
        self.nothing.attribute
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Fits with a few lines of config, and gives the message that it ends with."""
    (tmp_path / "own_loggers.py").write_text(OWN, encoding="utf-8")
    monkeypatch.setattr("sys.path", sys.path.copy())
    config, folder = tmp_path / "part.yaml", ["--trainer.default_root_dir", str(tmp_path)]

    def message_of(text):
        config.write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as stop:
            main(["fit", "--config", "p2o:quickstart", "--config", str(config), *folder])
        error = capsys.readouterr().err.partition("p2o: error: ")[2]
        assert stop.value.code == 2 and "Union" not in error and "Namespace" not in error and "Traceback" not in error
        assert "Parser key" not in error and len(error) < 700
        return error

    return message_of


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            "trainer: {callbacks: [EarlyStopping]}",
            "trainer.callbacks: EarlyStopping: monitor is required. `p2o fit --tr",
        ),
        ("trainer: {callbacks: EarlyStopping}", "trainer.callbacks: EarlyStopping: monitor is required"),
        (
            "trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitr: x}}]}",
            "trainer.callbacks: 'EarlyStopping' has no option 'monitr'",
        ),
        (
            "trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitor: x, patience: a}}]}",
            "trainer.callbacks: EarlyStopping: patience: expected int, got 'a'",
        ),
        (
            "trainer: {callbacks: [{class_path: EarlyStopping, init_args: {monitor: x, mode: up}}]}",
            "trainer.callbacks: EarlyStopping: `mode` can be min, max, got up",
        ),
        ("trainer: {logger: CSVLoger}", "trainer.logger: there is no class 'CSVLoger'. Did you mean CSVLogger[?]"),
        ("trainer: {logger: [CSVLoger]}", "trainer.logger: there is no class 'CSVLoger'. Did you mean CSVLogger[?]"),
        (
            "trainer: {logger: {class_path: CSVLogger, init_args: {save_di: x}}}",
            "trainer.logger: 'CSVLogger' has no option 'save_di'.*--trainer.logger.help lightning",
        ),
        ("trainer: {logger: 3.5}", "trainer.logger: expected a logger, a list of them, true or false, got '?3.5"),
        (
            "model: {reward: SoftOverlong}",
            "model.reward: SoftOverlong: of, max_length and cache are required. `p2o fit",
        ),
        (
            "model: {reward: {class_path: SoftOverlong, init_args: {max_length: 4, cache: 2, of: SoftOverlong}}}",
            "model.reward: SoftOverlong: of: SoftOverlong: of, max_length and cache are required",
        ),
        (
            "trainer: {logger: own_loggers.Absent}",
            "trainer.logger: Absent: No module named 'a_package_that_is_n",
        ),
        ("trainer: {logger: [own_loggers.Absent]}", "trainer.logger: Absent: No module named 'a_package_that_is_now"),
        ("trainer: {accelerator: tpu}", "trainer: Requirement 'torch_xla"),
        (
            "trainer: {callbacks: [own_loggers.Counter, own_loggers.Counter]}",
            "trainer.callbacks: Found more than one stateful callback of type `Counter`.*`state_key`",
        ),
    ],
)
def test_a_part_that_cannot_be_made_is_one_message(run, part, message):
    error = run(part)
    assert re.search(message, error), error


def test_an_accelerator_that_is_not_there_says_what_to_do(run, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert re.search(
        "No supported gpu backend.*trainer.accelerator: cpu, or .*CUDA", run("trainer: {accelerator: gpu}")
    )


def test_a_logger_with_a_mistake_of_its_own_keeps_its_traceback(run):
    with pytest.raises(ValueError, match="has no attribute 'nothing'"):
        run("trainer: {logger: own_loggers.Mistaken}")


def test_from_python_a_part_that_cannot_be_made_is_an_input_error(tmp_path, monkeypatch):
    (tmp_path / "own_python_loggers.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    options = {"trainer.logger": "own_python_loggers.Absent", "trainer.default_root_dir": tmp_path / "run"}
    with pytest.raises(InputError, match=r"trainer\.logger: Absent: No module named"):
        p2o.fit("p2o:quickstart", options)
