"""The help that comes with p2o is that of its parsers, and is printed without torch."""

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

import p2o.cli.trainer
from p2o.cli import help_text
from p2o.cli.help import TRAINER
from p2o.cli.help_text import full_help, path_of, shape
from p2o.cli.main import main
from p2o.cli.trainer import live_help

SAID = "make full-help writes it anew"
FORMATTED_BY = ((3, 11), "4.53.0")  # other releases of Python and jsonargparse word types and lines in other ways
LIVE = "import sys; from p2o.cli.trainer import live_help; sys.stdout.write(live_help(sys.argv[1]))"


def shipped(command):
    return path_of(command).read_text(encoding="utf-8").partition("\n")


def live(command):
    """From a process of its own: tests define classes that the help would list."""
    done = subprocess.run(
        [sys.executable, "-c", LIVE, command],
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def options(text):
    return re.findall(r"^  (--[\w.]+)", text, re.MULTILINE)


def squeezed(text):
    """Without white space, and without the known classes: tests have defined more of them in this process."""
    return re.sub(r"knownsubclasses:[^)]*\)", "", re.sub(r"\s", "", text))


@pytest.mark.parametrize("command", TRAINER)
def test_it_was_written_for_the_classes_of_today(command):
    assert shipped(command)[0] == shape(), SAID


def test_it_is_what_the_parser_says():
    text, expected = shipped("fit")[2], live_help("fit")
    assert options(text) == options(expected) and len(options(text)) > 100, SAID
    if (sys.version_info[:2], version("jsonargparse")) == FORMATTED_BY:
        assert squeezed(text) == squeezed(expected), SAID


@pytest.mark.slow
@pytest.mark.parametrize("command", TRAINER)
def test_it_is_letter_for_letter_what_the_parser_says(command):
    text, expected = shipped(command)[2], live(command)
    assert options(text) == options(expected), SAID
    if (sys.version_info[:2], version("jsonargparse")) == FORMATTED_BY:
        assert text == expected, SAID


@pytest.mark.parametrize(
    "words", [["fit", "--config", "my.yaml", "--help", "model"], ["--help", "model"], ["fit", "--help", "all"]]
)
def test_it_loads_neither_torch_nor_lightning(words, tmp_path):
    heavy = "{'torch', 'lightning', 'transformers', 'sympy', 'pyarrow'} & set(sys.modules)"
    code = f"import sys; from p2o.cli.main import main; main({words}); print({heavy}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "--model.mini_batch_size" in done.stdout
    assert done.stderr == "set()\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lr: float = 1e-06", "lr: float = 1e-05"),
        ("lr: float = 1e-06", "lr: float = 1e-06, warmup: int = 0"),
        ("In words.", "In other words."),
        ("class Part(Base)", "class Part(Other)"),
        ("size: int = 3", "size: int = 4"),
        ("class Other:", "class Another:"),
        ("'part': Part", "'piece': Part"),
    ],
)
def test_it_is_made_anew_where_a_class_has_changed(old, new, tmp_path, monkeypatch):
    source = (
        "class Part(Base):\n    '''In words.'''\n\n    size: int = 3\n\n"
        "    def __init__(self, lr: float = 1e-06) -> None:\n        self.lr = lr\n\n\n"
        "class Other:\n    '''Of no section.'''\n\n\n"
        "SECTIONS = {'part': Part}\n"
    )
    assert old in source
    module = tmp_path / "part.py"
    monkeypatch.setattr(help_text, "PACKAGE", tmp_path)
    monkeypatch.setattr(help_text, "FOLDER", tmp_path)
    monkeypatch.setattr(help_text, "SECTIONS", tmp_path / "sections.py")
    monkeypatch.setattr(p2o.cli.trainer, "live_help", lambda command: f"live {command}")

    def write(text):
        classes, sections = text.split("SECTIONS")
        module.write_text(classes, encoding="utf-8")
        help_text.SECTIONS.write_text(f"SECTIONS{sections}", encoding="utf-8")

    write(source)
    path_of("fit").write_text(f"{shape()}\nshipped\n", encoding="utf-8")
    write(source.replace("self.lr = lr", "self.rate = lr").replace("Of no section", "Of none"))
    assert full_help("fit") == "shipped\n"
    write(source.replace(old, new))
    assert full_help("fit") == "live fit"


def test_help_of_a_command_may_come_first(capsys):
    main(["--help", "fit"])
    short = capsys.readouterr().out
    main(["fit", "--config", "my.yaml", "--help"])
    assert capsys.readouterr().out == short
    main(["--help", "plan"])
    assert "usage: p2o plan" in capsys.readouterr().out
