"""From Python: the run that the command makes."""

import json
import subprocess
import sys

import pytest
from lightning import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

import p2o
from p2o.callbacks.console_samples import ConsoleSamples
from p2o.cli.main import main
from p2o.cli.sections import SECTIONS
from p2o.engines import TransformersEngine
from p2o.errors import InputError
from p2o.evolution import DominanceSelector
from p2o.objective import ClippedLoss, GroupNormalized, Masked
from p2o.reflectors import ReflectionFailed, StaticReflector
from p2o.rewards import MathAnswer
from p2o.worlds.chains import ChainQuestions

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


def micro_parts():
    policy = p2o.PolicyModule(
        *("p2o/micro-policy", TransformersEngine(), MathAnswer(), GroupNormalized(), Masked(), ClippedLoss()),
        max_prompt_length=256,
        max_completion_length=24,
    )
    data = p2o.MixtureDataModule(ChainQuestions("train", 0, 6), ChainQuestions("validation", 1, 1), batch_size=6)
    return policy, data


class FailsOnce(StaticReflector):
    """A stub whose cause is gone when it is asked again."""

    failed = False

    def reflect(self, jobs, context):
        if not self.failed:
            self.failed = True
            raise ReflectionFailed("the endpoint is down")
        return super().reflect(jobs, context)


def test_what_an_evolution_failed_of_is_over_when_its_objects_resume(tmp_path):
    policy, data = micro_parts()
    reflector = FailsOnce(["Be concise."] * 9)
    evolution = p2o.TemplateEvolution(reflector, DominanceSelector(), budget=20, dev_size=2, min_hard_set=1)
    options = {"accelerator": "cpu", "logger": False, "max_epochs": 2}
    with pytest.raises(InputError, match="the endpoint is down"):
        p2o.trainer(tmp_path, evolution, **options).fit(policy, data)
    last = tmp_path / "checkpoints" / "last.ckpt"
    p2o.trainer(tmp_path, evolution, **options).fit(policy, data, ckpt_path=last)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["finished"] and summary["epochs"] == 2


class Begun(Exception):
    """The run has come to its first batch."""


class StopsAtStart(Callback):
    def on_train_start(self, trainer, pl_module):
        raise Begun


def test_templates_of_a_list_that_no_question_could_carry_are_named_before_training(tmp_path):
    policy, data = micro_parts()
    trainers = {"accelerator": "cpu", "logger": False, "max_epochs": 2, "callbacks": [StopsAtStart()]}
    listed = StaticReflector(["Be concise.", "long " * 2100])
    evolution = p2o.TemplateEvolution(listed, DominanceSelector(), budget=20, min_hard_set=1)
    said = pytest.warns(UserWarning, match=r"1 of the 2 templates of evolution.reflector .*too long")
    with said, pytest.raises(Begun):
        p2o.trainer(tmp_path, evolution, **trainers).fit(policy, data)


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


class Counter(Callback):
    """A callback of the user's own."""

    steps = 0

    def on_train_batch_end(self, *_):
        self.steps += 1


OPTIONS = {"accelerator": "cpu", "logger": False, "max_epochs": 1}


def without_search():
    return p2o.TemplateEvolution(StaticReflector(["Be concise."]), DominanceSelector(), budget=0)


def files(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_folder_with_a_run_is_refused_from_python_and_left_as_it_is(tmp_path):
    counter = Counter()
    p2o.trainer(tmp_path, without_search(), callbacks=[counter], **OPTIONS).fit(*micro_parts())
    assert counter.steps == 1 and json.loads((tmp_path / "summary.json").read_text())["finished"]
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"expected a folder without a run, this one holds summary\.json, checkpoints"):
        p2o.trainer(tmp_path, without_search(), **OPTIONS).fit(*micro_parts())
    assert files(tmp_path) == before
    p2o.trainer(tmp_path, without_search(), **OPTIONS | {"max_epochs": 2}).fit(*micro_parts(), ckpt_path="last")
    assert json.loads((tmp_path / "summary.json").read_text())["epochs"] == 2


@pytest.mark.parametrize("given", [Counter(), [Counter(), Counter()], None])
def test_callbacks_of_the_users_come_before_those_of_the_run(tmp_path, given):
    evolution = without_search()
    callbacks = p2o.trainer(tmp_path, evolution, callbacks=given, accelerator="cpu").callbacks
    own = {None: 0, list: 2}.get(given and type(given), 1)
    assert [type(callback) for callback in callbacks[:own]] == [Counter] * own
    kinds = [type(callback) for callback in callbacks if type(callback) in SECTIONS.values()]
    assert kinds == list(SECTIONS.values()) and evolution in callbacks


def test_a_callback_of_a_runs_own_kind_takes_its_place(tmp_path):
    samples = ConsoleSamples()
    callbacks = p2o.trainer(tmp_path, callbacks=[samples], accelerator="cpu").callbacks
    assert [callback for callback in callbacks if isinstance(callback, ConsoleSamples)] == [samples]
    assert [type(callback) for callback in callbacks if type(callback) in SECTIONS.values()] == list(SECTIONS.values())


def test_two_evolutions_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected one TemplateEvolution"):
        p2o.trainer(tmp_path, without_search(), callbacks=[without_search()])


class OwnEvolution(p2o.TemplateEvolution):
    """A subclass of the evolution that every run has."""


def test_a_callback_of_a_kind_that_the_run_has_is_refused_among_the_callbacks(tmp_path):
    parts = {"reflector": "SelfReflector", "selector": "DominanceSelector"}
    evolution = {"class_path": f"{__name__}.OwnEvolution", "init_args": parts}
    log = {"class_path": "p2o.callbacks.question_log.QuestionLog"}
    for found, section in ((evolution, "evolution"), (log, "question_log")):
        options = SMALL | {"trainer.callbacks": [found], "trainer.default_root_dir": tmp_path / "run"}
        with pytest.raises(InputError, match=rf"{found['class_path']}.* to the section {section};.* p2o\.trainer"):
            p2o.fit("p2o:quickstart", options)
    assert not (tmp_path / "run").exists()


def test_a_subclass_among_the_callbacks_of_a_trainer_takes_the_place_of_the_runs_own(tmp_path):
    own = OwnEvolution(StaticReflector(["Be brief."]), DominanceSelector())
    trainer = p2o.trainer(tmp_path, callbacks=own, max_epochs=1)
    assert [each for each in trainer.callbacks if isinstance(each, p2o.TemplateEvolution)] == [own]
    with pytest.raises(InputError, match="expected one TemplateEvolution"):
        p2o.trainer(tmp_path, own, callbacks=[own])
