import json
import sys

import pytest

from p2o.errors import InputError
from p2o.questions.hub import HubQuestions
from p2o.types import Question

ROWS = [{"problem": "1+1?", "answer": 2, "level": "easy"}, {"problem": "2+2?", "answer": 4, "level": "hard"}]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A local data set as `datasets` writes it."""
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    datasets.Dataset.from_list(ROWS).to_json(tmp_path / "data" / "train.jsonl")
    return tmp_path / "data"


def rejected(name, **arguments):
    with pytest.raises(InputError) as caught:
        HubQuestions(str(name), **arguments).load()
    return str(caught.value)


def test_load(folder):
    source = HubQuestions(str(folder), question="problem", difficulty="level")
    assert source.load() == [
        Question("1", "1+1?", "2", "easy", f"{folder}[train]:1"),
        Question("2", "2+2?", "4", "hard", f"{folder}[train]:2"),
    ]
    assert len(HubQuestions(str(folder), question="problem", limit=1).load()) == 1
    assert len(HubQuestions(str(folder), split="train[1:]", question="problem", limit=9).load()) == 1


def test_refusals(folder):
    where = f"{folder}[train]"
    assert rejected(folder) == (
        f"{where}: expected a column 'question', found 'problem', 'answer', 'level'. Name the columns of your data "
        "with `question`, `answer`, `id` and `difficulty`."
    )
    assert 'Unknown split "dev"' in rejected(folder, question="problem", split="dev")
    assert "BuilderConfig 'nope' not found" in rejected(folder, question="problem", subset="nope")


def test_a_bad_row_is_named(folder):
    (folder / "train.jsonl").write_text("\n".join(json.dumps(row | {"answer": None}) for row in ROWS))
    assert rejected(folder, question="problem").startswith(f"{folder}[train]:1: expected a text or a number in column")


def test_broken_and_missing_data(folder, tmp_path):
    (folder / "train.jsonl").write_text('{"problem": "1+1?", "ans')
    assert rejected(folder).startswith(
        f"{folder}[train]: expected a data set on the Hugging Face hub or a local folder"
    )
    assert "Couldn't find any data file" in rejected(tmp_path / "none")


def test_the_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install 'p2o[hub]'" in rejected("some/name")


@pytest.mark.parametrize("arguments", [{"name": ""}, {"name": "x", "limit": -1}])
def test_bad_arguments(arguments):
    with pytest.raises(InputError, match="needs a name and limit >= 0"):
        HubQuestions(**arguments)
