"""The files around the package say what is true: targets exist, and every dependency has an oldest version."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tools.minimum_requirements import minimums

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    return set(re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE).group(1).split())


def made(text):
    """Targets that a text tells to make."""
    return re.findall(r"\bmake (?:[A-Z]+=\S+ )*([a-z][\w-]*)", text)


def test_every_target_that_is_phony_has_a_rule():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {name for name in targets() if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_make_what_there_is(workflow):
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands
    assert {target for command in commands for target in made(command)} <= targets()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".pre-commit-config.yaml", ".ci/run"])
def test_pages_and_hooks_make_what_there_is(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    found = set(re.findall(r"(?:^|`|entry: )make ([a-z][\w-]*)", text, re.MULTILINE))
    assert found
    assert found <= targets()


def test_every_requirement_has_an_oldest_version():
    assert len(minimums(PROJECT)) >= len(PROJECT["dependencies"])
    with pytest.raises(ValueError, match="a lower bound for each requirement, there is none in rich"):
        minimums({"dependencies": ["rich"], "optional-dependencies": {"hub": [], "report": [], "lora": []}})


def test_the_readme_names_the_oldest_versions():
    pinned = dict(line.split("==") for line in minimums(PROJECT))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"torch {pinned['torch']} or newer, transformers {pinned['transformers']} or newer" in readme


def dockerfile():
    return (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_the_image_installs_what_there_is():
    text = dockerfile()
    [(source, extras)] = re.findall(r'pip install "(/\S+)\[([\w,-]+)\]"', text)
    assert [source] == re.findall(r"^COPY \. (\S+)$", text, re.MULTILINE)
    assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
    assert re.findall(r'pip install "(vllm\S+)"', text) == PROJECT["optional-dependencies"]["vllm"]
    [environment] = re.findall(r"python3 -m venv (\S+)", text)
    assert f"PATH={environment}/bin:" in text
    assert json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])[0] in PROJECT["scripts"]
    [name] = re.findall(r"--config p2o:(\S+)", text)
    assert (ROOT / "configs" / f"{name}.yaml").is_file()


def test_what_the_image_builds_from_is_copied():
    """A wheel is built within it: `.dockerignore` must leave out nothing that pyproject.toml names."""
    ignored = {line.strip("/") for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split()}
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *wheel["force-include"]}
    needed |= {path.split("/")[0] for path in wheel["packages"]}
    assert {name for name in needed if not (ROOT / name).exists()} == set()
    assert not needed & ignored and not {name for name in ignored if name in ("*", "**")}
    assert {".git", "runs"} <= ignored


def test_the_dev_container_makes_what_there_is():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [environment] = re.findall(r"^VENV \?= (\S+)$", makefile, re.MULTILINE)
    command, target = settings["postCreateCommand"].split()
    assert command == "make" and target.startswith(f"{environment}/")
    assert re.search(rf"^\$\(VENV\)/{re.escape(target.removeprefix(environment + '/'))}:", makefile, re.MULTILINE)
    assert (
        settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == f"{environment}/bin/python"
    )
    python = re.search(r"python:(\d+\.\d+)$", settings["image"])[1]
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]


@pytest.mark.parametrize("name", ["Dockerfile", "README.md", "docs/howto/gpu.md"])
def test_pages_say_that_the_image_was_never_built(name):
    text = " ".join((ROOT / name).read_text(encoding="utf-8").replace("\n#", "\n").split())
    assert re.search(r"[Ll]inted( by hadolint [\d.]+)?( \(`make lint-dockerfile`\))? and never built", text)
