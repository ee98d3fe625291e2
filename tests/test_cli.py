"""The command line as a new user meets it: short help, and one message for each mistake."""

import re
import sys
from pathlib import Path

import pytest
import torch

import p2o.cli.trainer  # noqa: F401  (first: Lightning's log handler keeps the stderr that it finds)
from p2o.cli.config import read_config
from p2o.cli.config_files import check_configs
from p2o.cli.main import COMMANDS, main
from p2o.cli.mistakes import misplaced
from p2o.cli.mistakes.config_errors import clear
from p2o.cli.sections import SECTIONS
from p2o.engines import TransformersEngine

CONFIG = str(Path(__file__).parent.parent / "configs" / "quickstart.yaml")


def error_of(capsys, *words):
    """What is printed on stderr, and that it is one message."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("p2o: error: ") and error.count("error:") == 1 and "Traceback" not in error
    assert "Union" not in error and "<class" not in error and "usage:" not in error
    assert len(error) < 700
    return error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fitt", "--config", CONFIG], "there is no command 'fitt', did you mean 'fit'"),
        (["--config", CONFIG], "expected a command before --config: fit, validate, test, "),
        (["fit"], "there is no config. Give one: p2o fit --config"),
        (["fit", "--config"], "expected one argument"),
        (["fit", "--config", "/no/such.yaml"], "/no/such.yaml: expected a YAML config: No such file"),
        (["fit", "--config", "/tmp"], "/tmp: expected a YAML config: Is a directory"),
        (["fit", CONFIG], "unrecognized arguments: .*config files are named by --config"),
        (
            ["fit", "--config", CONFIG, "--modle.engine=A"],
            "unrecognized arguments: --modle.engine=A. Did you mean --model.engine?",
        ),
        (["plan", "--config", CONFIG, "--data.taus", "3"], "Did you mean --data.tau?"),
        (["fit", "--config", CONFIG, "--zzzz=1"], "unrecognized arguments: --zzzz=1. `p2o fit --help all` lists"),
        (["fit", "--model.sampler.help", "TakeAl"], "model.sampler: there is no class 'TakeAl'"),
        (["fit", "--config", CONFIG, "--model.temperature=a"], "model.temperature: expected float, got 'a'"),
        (["fit", "--config", CONFIG, "--trainer.max_epochs=x"], "trainer.max_epochs: expected int or null, got 'x'"),
        (["fit", "--config", CONFIG, "--trainer.precision=bf17"], "precision: expected 64, 32, 16 or .*, got 'bf17'"),
        (["fit", "--config", CONFIG, "--evolution.budget=huge"], "budget: expected int or 'light', .*, got 'huge'"),
        (["fit", "--config", CONFIG, "--progress.style=foo"], "style: expected 'auto', 'bars', .*, got 'foo'"),
        (
            ["test", "--config", CONFIG, "--data.benchmarks=aime24"],
            r"benchmarks: expected a list \[...\], got 'aime24'",
        ),
        (["fit", "--help", "modle"], "there is no such section"),
        (["export"], "arguments are required: checkpoint, out. See p2o export --help"),
        (["prepare", "foo", "out"], "invalid choice: 'foo'"),
        (["plan"], "there is no config"),
        (["plan", "--config", "/no/such.yaml"], "/no/such.yaml: expected a YAML config"),
    ],
)
def test_wrong_words_are_one_message(capsys, words, message):
    assert re.search(message, error_of(capsys, *words))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"model: [1,\n", r"bad.yaml:2: expected YAML"),
        (b"model:\n\tlr: 1\n", r"bad.yaml:2: expected YAML"),
        (b"", "sections such as model and data, found nothing"),
        (b"- 1\n", "found list"),
        (b"\xff\xfe\x00", "bad.yaml: expected a YAML config: .*decode"),
        (b"modle: {lr: 1}\n", "does not accept option 'modle"),
        (
            b"model:\n  reward: {class_path: MathAnswer, timeout: 3}\n",
            "model.reward: timeout must stand under init_args",
        ),
        (b"evolution: null\n", r"bad.yaml: evolution: expected settings, got null. evolution.budget: 0 switches"),
        (b"evolution: false\n", r"evolution: expected settings, got False. evolution.budget: 0 switches"),
        (b"model:\ndata: {}\n", r"bad.yaml: model: expected settings, got null. Leave the section out"),
        (b"checkpoint: 3\n", r"checkpoint: expected settings, got 3. .*--help checkpoint"),
        (b"model: /models/smol\n", r"model: expected settings, got '/models/smol'. Write model: {model: /models/smol}"),
        (b"data: a.jsonl\n", r"Write data: {train: {class_path: QuestionFile, init_args: {path: a.jsonl}}}"),
    ],
)
def test_bad_config_files_are_named(capsys, tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    assert re.search(message, error_of(capsys, "fit", "--config", CONFIG, "--config", str(path)))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model.optimizer.init_args.lr=-1", "Invalid learning rate: -1"),
        ("--model.optimizer.init_args.betas=[2,3]", "Invalid beta parameter"),
        ("--model.max_completion_length=0", "max_completion_length must be at least 1"),
        ("--model.lr_scheduler.init_args.steps=-5", "LinearWarmup needs steps >= 0"),
        ("--model.model=", "model.model: expected a folder"),
        ("--evolution.budget=-1", "budget of 0 rollouts or more"),
        ("--evolution.temperature=-1", "temperature must be at least 0"),
        ("--progress.seconds=-1", "progress.seconds must be at least 0"),
        ("--seed_everything=-1", "seed_everything: expected a number from 0"),
        ("--ckpt_path=best", "expected `last` or a path"),
        ("--trainer.accelerator=gpu", "trainer: .*gpu"),
        ("--trainer.accelerator=foo", "trainer: .*invalid accelerator name"),
        ("--trainer.devices=0", "trainer: .*devices"),
        ("--trainer.devices=9999", "at most .* processes on this CPU, got 9999"),
        ("--trainer.strategy=ddpp", "trainer: .*invalid strategy name"),
        ("--trainer.enable_checkpointing=false", "enable_checkpointing"),
        ("--trainer.accumulate_grad_batches=2", "Lightning refuses the settings: .*accumulate_grad_batches"),
        ("--trainer.gradient_clip_val=1", "Lightning refuses the settings: .*gradient_clip"),
        ("--checkpoint.save_top_k=-5", "save_top_k"),
        ("--checkpoint.monitor=val/nope", r"RunCheckpoint: monitor: .*val/bare/easy, val/bare/hard.*'val/nope'"),
        ("--trainer.max_epochs=0", r"trainer.max_epochs: expected at least 1, or -1 \(until .*\), got 0"),
        ("--trainer.max_steps=0", r"trainer.max_steps: expected at least 1, or -1 \(no limit\), got 0"),
        ("--trainer.limit_train_batches=0", "limit_train_batches: expected more than 0, got 0"),
    ],
)
def test_impossible_settings_are_one_message(capsys, tmp_path, option, message):
    if "gpu" in option and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    root = f"--trainer.default_root_dir={tmp_path}"
    assert re.search(message, error_of(capsys, "fit", "--config", CONFIG, root, option))


def test_out_of_memory_says_what_to_lower(capsys, tmp_path, monkeypatch):
    def generate(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(TransformersEngine, "generate", generate)
    error = error_of(capsys, "fit", "--config", CONFIG, f"--trainer.default_root_dir={tmp_path}")
    assert "model.micro_batch_tokens" in error and "2.00 GiB" in error


def test_a_bug_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(TransformersEngine, "generate", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["fit", "--config", CONFIG, f"--trainer.default_root_dir={tmp_path}"])


@pytest.mark.parametrize("command", ["fit", "validate", "test", "plan", "--help"])
def test_help_is_short(command, capsys):
    main([command, "--help"])
    printed = capsys.readouterr().out
    assert printed.startswith("usage: p2o ") and len(printed.splitlines()) < 30


def test_help_names_every_command(capsys):
    main(["--help"])
    named = set(re.findall(r"^  (\w+) ", capsys.readouterr().out, re.MULTILINE))
    assert {*COMMANDS, "fit", "validate", "test"} <= named


def test_help_of_a_section_is_that_section(capsys):
    main(["fit", "--help", "data"])
    printed = capsys.readouterr().out
    assert "--data.num_generations" in printed and "--model." not in printed and "--trainer." not in printed
    main(["fit", "--help", "all"])
    assert "--trainer.max_epochs" in capsys.readouterr().out


def test_version(capsys):
    main(["--version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model=/models/smol", "model: expected settings, got '/models/smol'. Write model: {model: /models/smol}"),
        ("--evolution=null", "evolution: expected settings, got null. evolution.budget: 0"),
        (
            "--data.train=a.jsonl",
            "data.train: expected a class, got 'a.jsonl'. Write data.train: {class_path: Question",
        ),
        ("--model.enable_thinking=false", r"Write model: {chat_template_kwargs: {enable_thinking: \.\.\.}}"),
    ],
)
def test_an_option_one_level_too_high_or_low_says_where_it_belongs(capsys, option, message):
    assert re.search(message, error_of(capsys, "fit", "--config", CONFIG, option))


def test_a_section_may_be_the_name_of_a_file_beside_the_config(tmp_path):
    (tmp_path / "data.yaml").write_text("tau: 3\n", encoding="utf-8")
    (tmp_path / "whole.yaml").write_text("data: data.yaml\n", encoding="utf-8")
    check_configs(["--config", str(tmp_path / "whole.yaml")])


def test_sections_that_are_said_twice_are_the_same():
    assert set(misplaced.SECTIONS) == {"model", "data", "trainer", *SECTIONS}


def test_where_a_mistake_is_stays_before_what_it_is():
    message = "study.yaml: good: Parser key \"data.tau\":\n  Expected a <class 'int'>. Got value: many"
    assert clear(message) == "study.yaml: good: data.tau: expected int, got 'many'."


def test_other_messages_stay_as_they_are():
    assert clear("data.tau must be at least 1.") == "data.tau must be at least 1."


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model.context=Replce", "model.context: there is no class 'Replce'.*Did you mean Replace"),
        (
            "--model.reward=my_reward.LastWord",
            "model.reward: No module named 'my_reward'.*beside the config and in",
        ),
        ("--model.reward=p2o.rewards.Nope", "model.reward: p2o.rewards.Nope: module 'p2o.rewards' has no attribute"),
        (
            "--model.reward=p2o.objective.losses.ClippedLoss",
            "model.reward: .*ClippedLoss does not correspond to a subclass",
        ),
        (
            "--data.train.pth=x",
            "data.train: 'ChainQuestions' has no option 'pth'.*--data.train.help p2o.worlds.ChainQuestions",
        ),
    ],
)
def test_a_class_that_is_not_found_says_where_to_look(capsys, option, message):
    error = error_of(capsys, "fit", "--config", CONFIG, option)
    assert re.search(message, error) and "dot import path" not in error


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("model: {reward: null}", "model.reward: expected a value, found none. There are ExactAnswer, "),
        ("model: {reward: 3}", r"model.reward: expected a class, or {class_path: .*}, got 3. There are ExactAnswer"),
        ("model: {reward: {class_path: MathAnswer, init_arg: {timeout: 3}}}", "no key 'init_arg' .* it is init_args"),
        ("model: {reward: {class_path: MathAnswer, init_args: {timeout: a}}}", "MathAnswer: timeout: expected float"),
        ("model: {context: Replce}", "no class 'Replce'. Did you mean Replace[?] There are .*Masked, Replace"),
        ("model: {regularizers: [ReferenceKLL]}", "no class 'ReferenceKLL'. Did you mean ReferenceKL[?]"),
        ("model: {regularizers: ReferenceKL}", r"regularizers: expected a list \[...\], got 'ReferenceKL'"),
        ("model: {optimizer: {class_path: torch.optim.Adamw}}", "torch.optim.Adamw: module .* has no attribute"),
        ("data: {train: a/b.jsonl}", "data.train: expected a class, got 'a/b.jsonl'. Write .*QuestionFile.*path: a/b"),
        (
            "data: {validation: me/set}",
            "data.validation: expected a class, got 'me/set'. Write .*HubQuestions.*name: me",
        ),
        (
            "model: {system_prompt: hi}",
            r"option 'model.system_prompt'.* Write model: {chat_template_kwargs: {system_pr",
        ),
        ("model: {temprature: 3}", "option 'model.temprature'. Did you mean --model.temperature"),
        ("evolutoin: {budget: 3}", "option 'evolutoin.budget'. Did you mean --evolution.budget"),
        ("evolution: {reflector: null}", "evolution.reflector: expected a value, found none. There are "),
        (
            "evolution: {reflector: {class_path: RecordingReflector, init_args: {path: a, reflector: SelfReflecter}}}",
            "evolution.reflector: RecordingReflector: reflector: there is no class .* Did you mean SelfReflector",
        ),
        (
            "trainer: {callbacks: [{class_path: EarlyStoping, init_args: {monitor: val/bare/easy}}]}",
            "trainer.callbacks: there is no class 'EarlyStoping'. Did you mean EarlyStopping",
        ),
        ("trainer: {callbacks: [3]}", "trainer.callbacks: expected a list of callbacks"),
    ],
)
def test_a_wrong_part_is_one_message_without_the_parsers_words(capsys, tmp_path, part, message):
    path = tmp_path / "part.yaml"
    path.write_text(part, encoding="utf-8")
    error = error_of(capsys, "fit", "--config", CONFIG, "--config", str(path))
    assert re.search(message, error) and "Parser key" not in error and "subclass" not in error.lower()


OWN = """
from p2o.rewards.base import Reward
from p2o.types import Grade, Outcome


class AlwaysRight(Reward):
    def grade(self, answered):
        return [Grade(1.0, Outcome.CORRECT) for _ in answered]
"""


@pytest.mark.parametrize("beside", ["config", "working folder"])
def test_a_class_of_the_users_lies_beside_the_config_or_in_the_working_folder(tmp_path, monkeypatch, beside):
    config, working = tmp_path / "configs", tmp_path / "work"
    config.mkdir()
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setattr("sys.path", sys.path.copy())
    module = f"own_{beside.split()[0]}"
    ((config if beside == "config" else working) / f"{module}.py").write_text(OWN, encoding="utf-8")
    (config / "my.yaml").write_text(f"model: {{reward: {module}.AlwaysRight}}", encoding="utf-8")
    read = read_config(["--config", CONFIG, "--config", str(config / "my.yaml")])
    assert read["model"]["reward"]["class_path"] == f"{module}.AlwaysRight"
