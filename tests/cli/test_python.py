"""From Python: the run that the command makes."""

import json
import subprocess
import sys

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

import p2o
from p2o.cli.main import main
from p2o.cli.sections import SECTIONS
from p2o.errors import InputError

SMALL = {
    "data.train.init_args.easy": 4,
    "data.train.init_args.hard": 0,
    "data.validation.init_args.easy": 2,
    "data.validation.init_args.hard": 0,
    "trainer.max_epochs": 1,
    "trainer.enable_progress_bar": False,
    "fixed_questions.questions": 0,
    "evolution.budget": 0,
    "model.mini_batch_size": 4,
}


def test_import_is_light_and_sets_how_threads_wait():
    code = (
        "import os, sys, p2o; assert not {'torch', 'lightning', 'transformers'} & set(sys.modules); "
        "assert os.environ['GOMP_SPINCOUNT']; assert p2o.PolicyModule.__name__ == 'PolicyModule'; "
        "from p2o import MixtureDataModule, TemplateEvolution, InputError"
    )
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_every_name_is_there():
    assert {name for name in p2o.__all__ if getattr(p2o, name)} == set(p2o.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = p2o.nothing


def test_fit_makes_the_run_of_the_command(tmp_path):
    trainer = p2o.fit("p2o:quickstart", SMALL | {"trainer.default_root_dir": str(tmp_path / "python")})
    assert isinstance(trainer.lightning_module, p2o.PolicyModule)
    words = [f"--{name}={json.dumps(value)}" for name, value in SMALL.items()]
    main(["fit", "--config", "p2o:quickstart", *words, f"--trainer.default_root_dir={tmp_path / 'command'}"])
    first, second = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("python", "command"))
    assert first["history"] == second["history"] and first["rollouts"] == second["rollouts"]
    with pytest.raises(InputError, match="expected a folder without a run"):
        p2o.fit("p2o:quickstart", SMALL | {"trainer.default_root_dir": tmp_path / "python"})


def test_a_path_is_as_good_as_its_text(tmp_path):
    with pytest.raises(InputError, match=r"data\.train: expected a value"):
        p2o.fit({"trainer": {"default_root_dir": tmp_path, "max_epochs": 0}, "model": {"model": "p2o/micro-policy"}})


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ("p2o:quickstrat", {}, "Did you mean p2o:quickstart"),
        ({"model": {"model": "p2o/micro-policy", "temprature": 1}}, {}, "Did you mean --model.temperature"),
        ("p2o:quickstart", {"model.context": "Replce"}, "Did you mean Replace"),
        ("p2o:quickstart", {"data.tau": "many"}, "data.tau: expected int, got 'many'"),
        ("p2o:quickstart", {"data.tau": {1}}, "expected numbers, texts, lists and dictionaries, got {1}"),
    ],
)
def test_mistakes_are_input_errors(config, options, message):
    with pytest.raises(InputError, match=message):
        p2o.fit(config, options)


def test_callbacks_come_in_the_order_of_the_command(tmp_path):
    callbacks = p2o.run_callbacks(tmp_path)
    assert [type(callback) for callback in callbacks] == list(SECTIONS.values())
    checkpoint = callbacks[-1]
    assert isinstance(checkpoint, ModelCheckpoint) and checkpoint.dirpath == str(tmp_path / "checkpoints")
    assert checkpoint._save_on_train_epoch_end
