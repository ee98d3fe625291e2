"""The full help is made once, and again when anything that shapes it has changed."""

import subprocess
import sys

import pytest

from p2o.cli import help_cache
from p2o.cli.help_cache import kept_help


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "p2o"


def test_it_is_made_once(cache):
    made = []
    texts = [kept_help("fit", lambda: made.append(1) or "the help") for _ in range(2)]
    assert texts == ["the help"] * 2 and len(made) == 1
    assert len(list(cache.iterdir())) == 1


def test_it_is_made_anew_when_what_shapes_it_changes(cache, monkeypatch):
    kept_help("fit", lambda: "old")
    monkeypatch.setattr(help_cache, "_fingerprint", lambda: "other")
    assert kept_help("fit", lambda: "new") == "new"
    assert [path.name for path in cache.iterdir()] == ["help-fit-other.txt"]


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept_help("fit", lambda: "the help") == "the help"


def test_a_kept_help_loads_no_torch():
    kept_help("fit", lambda: "usage\n\ngroup:\n  --model.lr LR\n")
    code = (
        "import sys; from p2o.cli.main import main; main(['fit', '--help', 'model']); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--model.lr" in done.stdout
