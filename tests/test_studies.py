"""Every study parses, down to the options of each run, and says how it is run."""

import functools
from pathlib import Path

import pytest

from p2o.cli.commands.compare import read_study
from p2o.cli.config import read_config

STUDIES = sorted((Path(__file__).parent.parent / "studies").glob("*.yaml"))


@functools.cache
def config(*arguments):
    """Studies share variants, and each takes a quarter of a second to read."""
    return read_config(list(arguments))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_run_of_it_has_a_config(path):
    study, _ = read_study([str(path)])
    for variant in study.variants():
        assert config(*variant.arguments(path.parent))["model"]


def test_a_methods_config_wins_over_the_options_of_the_study():
    """The study halves evolution's budget for everybody; GRPO's is 0."""
    path = next(path for path in STUDIES if path.stem == "quickstart_small")
    study, _ = read_study([str(path)])
    p2o, grpo = (next(v for v in study.variants() if v.row == row) for row in ("p2o", "grpo"))
    assert [config(*v.arguments(path.parent))["evolution"]["budget"] for v in (p2o, grpo)] == [200, 0]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_first_line_is_the_command(path):
    assert path.read_text(encoding="utf-8").splitlines()[0] == f"# p2o compare studies/{path.name}"
