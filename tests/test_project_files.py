"""The files around the package say what is true: targets exist, and every dependency has an oldest version."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tools.minimum_requirements import minimums

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
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
