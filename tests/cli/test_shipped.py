"""Configs and studies that come with p2o, by name."""

import os
import subprocess
import sys

import pytest

from p2o.cli.config import read_config
from p2o.cli.main import main
from p2o.commands.shipped import folder, names, summary
from p2o.commands.study.definition import Variant


def error_of(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_configs_lists_each_with_a_line(capsys):
    main(["configs"])
    configs, studies = capsys.readouterr().out.split("studies, for")
    for kind, text in (("configs", configs), ("studies", studies)):
        lines = text.splitlines()
        for name in names(kind):
            [line] = [line for line in lines if line.split()[:1] == [f"p2o:{name}"]]
            assert len(line.split()) > 3 and len(line) < 115
            assert "#" not in summary(folder(kind) / f"{name}.yaml")


@pytest.mark.parametrize("words", ["configs", "fit --help all", "fit --help run_summary"])
def test_a_reader_may_stop_early(words):
    code = f"from p2o.cli.main import main; main({words.split()})"
    read, write = os.pipe()
    os.close(read)
    environment = os.environ | {"PYTHONUNBUFFERED": ""}  # else there is nothing left to flush at the end
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_config_is_named_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = read_config(["--config", "p2o:quickstart", "--config=p2o:methods/grpo"])
    assert config["model"]["model"] == "p2o/micro-policy" and config["evolution"]["budget"] == 0


def test_a_study_is_named_from_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["compare", "p2o:quickstart_bars", "--jobs", "0"])
    assert (tmp_path / "runs" / "compare" / "quickstart_bars" / "table.md").exists()


def test_a_study_of_the_users_names_a_config_that_comes_with_p2o(tmp_path):
    variant = Variant("a", "a", ((["p2o:quickstart", "mine.yaml"], {}),), "", "bare/hard")
    assert variant.arguments(tmp_path) == ["--config", "p2o:quickstart", "--config", str(tmp_path / "mine.yaml")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "--config", "p2o:quikstart"], "p2o:quikstart: nothing of that name .* Did you mean p2o:quickstart"),
        (["plan", "--config=p2o:nothing_like_it"], "`p2o configs` lists what does"),
        (["compare", "p2o:taus"], "Did you mean p2o:tau"),
        (["fit", "--config", "configs/methods/dapo.yaml"], "No such file.* named p2o:methods/dapo."),
        (["fit", "--config", "configs/mine.yaml"], r"No such file or directory\.$"),
        (["compare", "studies/tau.yaml"], "No such file.* named p2o:tau."),
    ],
)
def test_a_wrong_name_is_one_message(words, message, capsys, tmp_path, monkeypatch):
    import re

    monkeypatch.chdir(tmp_path)

    assert re.search(message, error_of(capsys, *words))


def test_a_config_for_own_questions_is_short(tmp_path):
    """The six lines of the README; every part that they do not name has the paper's class."""
    path = tmp_path / "my.yaml"
    path.write_text(
        "model:\n  model: Qwen/Qwen3-4B\ndata:\n  train:\n    class_path: QuestionFile\n"
        "    init_args: {path: train.jsonl}\n",
        encoding="utf-8",
    )
    config = read_config(["--config", str(path)])
    named = {
        **{name: config["model"][name] for name in ("engine", "reward", "advantage", "context", "loss")},
        **{name: config["evolution"][name] for name in ("reflector", "selector")},
        "validation": config["data"]["validation"],
    }
    assert {name: part["class_path"].rpartition(".")[2] for name, part in named.items()} == {
        "engine": "TransformersEngine",
        "reward": "MathAnswer",
        "advantage": "GroupNormalized",
        "context": "Masked",
        "loss": "ClippedLoss",
        "reflector": "SelfReflector",
        "selector": "DominanceSelector",
        "validation": "HeldOut",
    }
    assert config["trainer"]["max_epochs"] == 10 and config["trainer"]["default_root_dir"] == "runs/p2o"


def test_without_a_config_the_answer_comes_before_torch(capsys):
    code = "import sys; from p2o.cli.main import main\ntry: main(['fit'])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "p2o: error: there is no config" in done.stderr and "p2o init" in done.stderr
