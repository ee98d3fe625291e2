import importlib
import os
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


def edit(path, text):
    """Python takes its bytecode for a file of the same size and second."""
    path.write_text(text)
    os.utime(path, (0, len(text)))


def test_a_loaded_module_that_was_edited_is_refused_until_it_is_loaded_anew(folders):
    first, _ = folders
    path = first / "a_reward_of_mine.py"
    importable.make_importable([first])
    edit(path, "NAME = 'before it was loaded'\n")
    importable.make_importable([first])
    module = importlib.import_module("a_reward_of_mine")
    importable.make_importable([first])
    edit(path, "NAME = 'edited'\n")
    for _ in range(2):
        with pytest.raises(InputError, match=r"a_reward_of_mine\.py: .*importlib\.reload\(a_reward_of_mine\)"):
            importable.make_importable([first])
    importlib.reload(module)
    importable.make_importable([first])
    assert module.NAME == "edited"
    edit(path, "NAME = 'edited again'\n")
    with pytest.raises(InputError, match="restart"):
        importable.make_importable([first])


def test_a_module_that_was_edited_after_it_was_loaded_by_the_first_run_is_refused(folders):
    first, _ = folders
    importable.make_importable([first])
    module = importlib.import_module("a_reward_of_mine")
    edit(first / "a_reward_of_mine.py", "NAME = 'edited'\n")
    with pytest.raises(InputError, match="restart"):
        importable.make_importable([first])
    importlib.reload(module)
    importable.make_importable([first])


def test_a_file_that_nobody_can_read_is_no_module(folders):
    first, _ = folders
    (first / "gone.py").symlink_to(first / "nowhere.py")
    (first / "folder.py").mkdir()
    importable.make_importable([first])
