"""What `p2o grade` keeps when it cannot go on, and texts that UTF-8 cannot hold."""

import json

import pytest

from p2o.commands import grading
from p2o.commands.grading import grade_file
from p2o.errors import InputError
from p2o.rewards import MathAnswer
from p2o.rewards.base import Reward
from p2o.types import Grade, Outcome


class GivesUp(Reward):
    """Grades some rows and then raises."""

    def __init__(self, after: int, error: BaseException) -> None:
        self.left, self.error = after, error

    def grade(self, answered):
        self.left -= len(answered)
        if self.left < 0:
            raise self.error
        return [Grade(1.0, Outcome.CORRECT)] * len(answered)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "AT_ONCE", 2)
    return write(tmp_path / "rows.jsonl", [{"answer": "1", "completion": str(n)} for n in range(5)])


def test_what_was_graded_before_an_error_is_kept(tmp_path, source):
    out = tmp_path / "graded.jsonl"
    with pytest.raises(
        InputError, match=r"no more\. The first 4 of 5 rows were graded and are in .*graded\.jsonl\.part"
    ):
        grade_file(source, out, GivesUp(4, InputError("no more.")))
    assert not out.exists() and len(read(tmp_path / "graded.jsonl.part")) == 4
    with pytest.raises(KeyboardInterrupt) as stop:
        grade_file(source, out, GivesUp(2, KeyboardInterrupt()))
    assert "The first 2 of 5 rows" in stop.value.__notes__[0]
    assert grade_file(source, out, GivesUp(9, InputError("no more."))).total() == 5
    assert len(read(out)) == 5 and not (tmp_path / "graded.jsonl.part").exists()


def test_where_nothing_was_graded_nothing_is_left(tmp_path, source):
    with pytest.raises(InputError, match=r"^no more\.$"):
        grade_file(source, tmp_path / "graded.jsonl", GivesUp(0, InputError("no more.")))
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_halves_of_surrogate_pairs_are_graded_and_written(tmp_path):
    rows = [
        {"answer": "5", "completion": "\ud83d \\boxed{5}", "id": "\udc00"},
        {"answer": "5", "completion": "\\boxed{\ud83d}"},
        {"answer": "\ud83d", "completion": "\\boxed{6}"},
        {"answer": "5", "completion": "\\boxed{5}"},
    ]
    out = tmp_path / "graded.jsonl"
    grade_file(write(tmp_path / "rows.jsonl", rows), out, MathAnswer())
    found = read(out)
    assert [row["outcome"] for row in found] == ["correct", "wrong", "wrong", "correct"]
    assert [row["completion"] for row in found] == [row["completion"] for row in rows]


def test_the_input_is_not_overwritten_and_an_empty_file_is_no_work(tmp_path):
    source = write(tmp_path / "rows.jsonl", [{"answer": "1", "completion": "1"}])
    with pytest.raises(InputError, match="expected another file than the rows that are graded"):
        grade_file(source, source, MathAnswer())
    with pytest.raises(InputError, match="the file has none"):
        grade_file(write(tmp_path / "empty.jsonl", []), tmp_path / "out.jsonl", MathAnswer())
