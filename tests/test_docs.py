"""What the documentation shows is true: Python runs, YAML parses, commands exist, links lead somewhere."""

import functools
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from p2o.cli.commands.compare import read_study
from p2o.cli.config import read_config
from p2o.cli.main import COMMANDS, main

ROOT = Path(__file__).parent.parent
TOP = [ROOT / name for name in ("README.md", "GLOSSARY.md", "CONTRIBUTING.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUICKSTART = str(ROOT / "configs" / "quickstart.yaml")


def blocks(page, language):
    """Title and text of each fenced block of a language."""
    return [
        (title, text) for found, title, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language
    ]


def named(pages):
    return {"argvalues": pages, "ids": [str(page.relative_to(ROOT)) for page in pages]}


@pytest.mark.parametrize("page", **named([page for page in PAGES if blocks(page, "python")]))
def test_python_runs_and_its_yaml_finds_it(page, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)  # runs go there
    for title, text in blocks(page, "python"):
        if title:
            (tmp_path / title).write_text(text, encoding="utf-8")
        else:
            exec(compile(text, str(page), "exec"), {})
    for run in tmp_path.glob("runs/*"):
        main(["report", str(run)])
    for _, text in blocks(page, "yaml"):
        parses(text, tmp_path)
    for title, _ in blocks(page, "python"):
        sys.modules.pop(Path(title).stem, None)


@pytest.mark.parametrize("page", **named([p for p in PAGES if blocks(p, "yaml") and not blocks(p, "python")]))
def test_yaml_is_a_part_of_a_config(page, tmp_path):
    for _, text in blocks(page, "yaml"):
        parses(text, tmp_path)


def parses(text, folder):
    path = folder / "part.yaml"
    path.write_text(text, encoding="utf-8")
    if "methods" in yaml.safe_load(text):
        read_study([str(path)])  # of p2o compare
        return
    config = read_config(["--config", QUICKSTART, "--config", str(path)])
    assert yaml.safe_load(text).keys() <= config.keys()


def commands(page):
    lines = [line for _, text in blocks(page, "console") for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("p2o ")]


@pytest.mark.parametrize("page", **named([page for page in PAGES if commands(page)]))
def test_commands_parse(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for _, command, *words in commands(page):
        if command in ("fit", "validate", "test", "plan"):
            parse(tuple(trainer_options(words)))
            continue
        assert command in COMMANDS, command
        with pytest.raises(SystemExit):
            main([command, "--help"])
        described = capsys.readouterr().out
        for word in words:
            if word.startswith("--"):
                assert word.split(".")[0] in described, f"p2o {command} {word}"


@functools.cache  # the same command stands on several pages
def parse(words):
    read_config(words)


def trainer_options(words):
    """Without those of p2o plan alone, and those that print instead of running."""
    kept = [word for word in words if word not in ("--no-calibration", "--print_config", "--help", "--overwrite")]
    for option in ("--calibration", "--length", "--memory"):
        if option in kept:
            at = kept.index(option)
            del kept[at : at + 2]
    return [word for word in kept if not word.endswith(".help")]


@pytest.mark.parametrize("page", **named(PAGES))
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


def test_every_page_of_the_navigation_exists():
    def paths(entry):
        if isinstance(entry, str):
            return [entry]
        return [path for part in (entry if isinstance(entry, list) else entry.values()) for path in paths(part)]

    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert [path for path in paths(navigation) if not (ROOT / "docs" / path).is_file()] == []


def test_every_file_that_is_named_exists():
    names = re.compile(r"`((?:configs|notebooks|benchmarks|studies|docs|src|tests|tools|scripts)/[\w./-]+\.\w+)`")
    for page in PAGES:
        for name in names.findall(page.read_text(encoding="utf-8")):
            assert os.path.exists(ROOT / name), f"{page.name}: {name}"
