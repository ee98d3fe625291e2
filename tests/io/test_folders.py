import pytest

from p2o.errors import InputError
from p2o.io.folders import new_folder


def test_a_folder_appears_when_it_is_complete(tmp_path):
    out = tmp_path / "a" / "model"
    with new_folder(out, "the model") as folder:
        (folder / "weights").write_text("w")
        assert not out.exists()
    assert (out / "weights").read_text() == "w"
    assert [path.name for path in out.parent.iterdir()] == ["model"]


def test_an_interruption_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "model", "the model") as folder:
        (folder / "weights").write_text("w")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path):
    out = tmp_path / "model"
    out.mkdir()
    with new_folder(out, "the model") as folder:
        (folder / "weights").write_text("w")
    with pytest.raises(InputError, match="expected a new or an empty folder for the data"), new_folder(out, "the data"):
        pass
    assert (out / "weights").read_text() == "w"


def test_a_place_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="expected a folder that can be written to"),
        new_folder(tmp_path / "file" / "x", "it"),
    ):
        pass
