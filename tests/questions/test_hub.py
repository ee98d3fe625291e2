import json
import sys

import pytest

from p2o.commands.prepare.sources import read_sources
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


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """A data set whose columns have types of `datasets`' own."""
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    kinds = {"answer": datasets.ClassLabel(names=["yes", "no"]), "level": datasets.ClassLabel(names=["easy", "hard"])}
    kinds |= {"question": datasets.Value("string"), "id": datasets.Value("float32")}
    rows = {"question": ["1=1?", "1=2?"], "answer": [0, 1], "level": [0, 1], "id": [0.1, 7.0]}
    (tmp_path / "typed").mkdir()
    datasets.Dataset.from_dict(rows, datasets.Features(kinds)).to_parquet(tmp_path / "typed" / "train.parquet")
    return tmp_path / "typed"


def test_a_label_is_its_name(typed):
    questions = HubQuestions(str(typed), id="id", difficulty="level").load()
    assert [(one.id, one.answer, one.difficulty) for one in questions] == [("0.1", "yes", "easy"), ("7", "no", "hard")]


def test_a_label_is_its_name_in_prepared_data(typed):
    (questions, left_out), _ = read_sources([str(typed)], "", None)
    assert [(one.answer, one.difficulty) for one in questions] == [("yes", "easy"), ("no", "hard")] and not left_out


def test_a_row_without_a_label_is_named(typed):
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    table = datasets.load_dataset(str(typed), split="train")
    table.map(lambda row: row | {"answer": None}).to_parquet(typed / "train.parquet")
    assert rejected(typed).startswith(f"{typed}[train]:1: expected a text or a number in column 'answer', got None")
