import sys

import pytest

from p2o.errors import InputError
from p2o.io import importable


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two, each with a module of the same name."""
    monkeypatch.setattr(importable, "_added", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a_reward_of_mine.py").write_text(f"NAME = {name!r}\n")
    yield tmp_path / "a", tmp_path / "b"
    sys.modules.pop("a_reward_of_mine", None)


def test_a_module_that_python_would_take_from_elsewhere_is_refused(folders):
    first, second = folders
    importable.make_importable([first])
    __import__("a_reward_of_mine")
    importable.make_importable([first])
    with pytest.raises(InputError, match="Rename one of the two"):
        importable.make_importable([second])
    (second / "a_reward_of_mine.py").write_text((first / "a_reward_of_mine.py").read_text())
    importable.make_importable([second])  # a copy is as good


def test_modules_that_nobody_named_harm_nobody(folders):
    importable.make_importable(folders)
    assert importable.environment()[importable.VARIABLE].endswith(str(folders[1]))
