"""A run folder with one damaged file: the report names the file in one message."""

import json

import pytest

from p2o.cli.main import main
from p2o.commands.report.runs import load_run
from p2o.errors import InputError
from p2o.io.tables import write_parquet
from p2o.run_folder.log_columns import VALIDATION_LOG, LogColumns
from run_folders import whole_folder

JSON_FILES = ["summary.json", "fixed_questions.json", "environment.json", "evolution/epoch-0000.json"]
TABLES = ["questions/epoch-0001.parquet", "validation/epoch-0000.parquet", "evolution/epoch-0000.jsonl"]


@pytest.fixture
def root(tmp_path):
    return whole_folder(tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[1]", b'{"measurements": 3, "x'])
@pytest.mark.parametrize("name", [*JSON_FILES, *TABLES])
def test_a_damaged_file_is_named(root, name, content):
    (root / name).write_bytes(content)
    if name.endswith(".jsonl") and not content:
        return  # an evolution without candidates
    with pytest.raises(InputError, match=str(root)) as error:
        load_run(root, "x")
    if name != "summary.json":  # without it, the folder itself is no run
        assert name in str(error.value)


@pytest.mark.parametrize("name", ["rollouts/validation-epoch-0001.parquet", *TABLES[:2]])
def test_a_table_that_was_cut_off_is_named_on_the_command_line(root, capsys, name):
    path = root / name
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(SystemExit) as stop:
        main(["report", str(root)])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert name in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("line", "named"),
    [(b"context/below,epoch\nhalf,1\n", True), (b"\xff\xfe,epoch\n1,1\n", True), (b"a,epoch\n0.5,1\n0.2", False)],
)
def test_metrics_that_are_no_numbers_are_named_and_a_cut_line_is_not_missed(root, line, named):
    path = root / "logs" / "version_0" / "metrics.csv"
    path.write_bytes(line)
    if named:
        with pytest.raises(InputError, match=r"metrics\.csv: expected the metrics"):
            load_run(root, "x")
    else:
        assert load_run(root, "x").metrics == {1: {"a": 0.5}}


@pytest.mark.parametrize(
    "measurements",
    [[{}], [{"epoch": 0, "moment": "m", "seconds": 1, "questions": []}], [{"epoch": "0"}], "none", None],
)
def test_measurements_of_another_shape_are_named(root, measurements):
    (root / "fixed_questions.json").write_text(json.dumps({"measurements": measurements}))
    with pytest.raises(InputError, match=r"fixed_questions\.json: expected the measurements"):
        load_run(root, "x")


def test_a_table_with_other_columns_is_named(root):
    path = root / "validation" / "epoch-0001.parquet"
    other = LogColumns(VALIDATION_LOG.names[:-2])
    write_parquet(path, [], other.schema())
    with pytest.raises(InputError, match=r"epoch-0001\.parquet: expected the columns .* outcome, tokens is missing"):
        load_run(root, "x")


def test_a_row_of_an_evolution_without_its_columns_is_named(root):
    (root / "evolution" / "epoch-0000.jsonl").write_text('{"": ""}\n')
    with pytest.raises(InputError, match=r"epoch-0000\.jsonl:1: expected a row of an evolution, .*parent.* is missing"):
        load_run(root, "x")
