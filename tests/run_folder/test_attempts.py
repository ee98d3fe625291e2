import json

import pytest

from p2o.errors import InputError
from p2o.run_folder.attempts import Attempts


def test_starts_add_up_over_kills(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    path = tmp_path / "attempts.json"
    first = Attempts(path)
    now[0] = 4.0
    first.note(at_once=True)  # a start that is refused
    assert not path.exists()
    first.begin(goes_on=False)
    now[0] = 5.0
    first.note()  # too early: nothing is written
    assert not path.exists()
    now[0] = 30.0
    first.note()
    second = Attempts(path)  # the first one was killed
    second.begin(goes_on=True)
    now[0] = 50.0
    assert (second.count, second.seconds) == (2, 50.0)
    second.note(at_once=True)
    assert [entry["seconds"] for entry in json.loads(path.read_text())["attempts"]] == [30.0, 20.0]
    assert Attempts(path).count == 1


@pytest.mark.parametrize("content", ["[", '{"attempts": [{}]}', '{"attempts": 1}'])
def test_a_damaged_list_is_named(tmp_path, content):
    path = tmp_path / "attempts.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"attempts\.json: expected"):
        Attempts(path).begin(goes_on=True)
