import json
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from p2o.cli.main import main

BOMBS = [
    r"9^{9^{9^9}}",
    "100000!!",
    "10!!!",
    "(10^{10^{10}})!",
    r"\frac{1}{" * 300 + "2" + "}" * 300,
    "(" * 3000 + "1" + ")" * 3000,
    r"\sum_{n=1}^{10^{12}} \frac{1}{n^{2}+1}",
    r"\int_0^1 \sin(\sin(\sin(x^x)))^{x^{x}} dx",
    "x^{2^{64}}+1",
    r"\sqrt{" * 200 + "x" + "}" * 200,
]


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_kept_and_graded(tmp_path, capsys):
    rows = [
        {"answer": "5", "completion": r"\boxed{5}", "id": "a", "more": {"x": [1]}},
        {"answer": 5, "completion": r"\boxed{6}"},
        {"answer": "5", "completion": "five"},
        {"answer": "5", "completion": "fi", "truncated": True},
    ]
    source, out = write(tmp_path / "rows.jsonl", *rows), tmp_path / "graded.jsonl"
    main(["grade", str(source), str(out)])
    assert read(out) == [
        rows[0] | {"reward": 1.0, "outcome": "correct", "extracted": "5"},
        rows[1] | {"reward": 0.0, "outcome": "wrong", "extracted": "6"},
        rows[2] | {"reward": 0.0, "outcome": "no_answer", "extracted": ""},
        rows[3] | {"reward": 0.0, "outcome": "truncated", "extracted": ""},
    ]
    assert "4 rows: 1 correct, 1 wrong, 1 no_answer, 1 truncated." in capsys.readouterr().out


def test_parquet(tmp_path):
    pq.write_table(pa.table({"answer": ["5"], "completion": [r"\boxed{5}"]}), tmp_path / "rows.parquet")
    main(["grade", str(tmp_path / "rows.parquet"), str(tmp_path / "out.jsonl")])
    assert read(tmp_path / "out.jsonl")[0]["outcome"] == "correct"


def test_what_json_has_no_kind_for_is_kept_as_text(tmp_path):
    cells = {"day": [date(2026, 11, 26)], "price": [Decimal("1.50")]}
    pq.write_table(pa.table({"answer": ["5"], "completion": [r"\boxed{5}"], **cells}), tmp_path / "rows.parquet")
    main(["grade", str(tmp_path / "rows.parquet"), str(tmp_path / "out.jsonl"), "--config", "p2o:quickstart"])
    [row] = read(tmp_path / "out.jsonl")
    assert (row["day"], row["price"], row["outcome"]) == ("2026-11-26", "1.50", "correct")


@pytest.mark.slow
def test_bombs_take_bounded_time_and_the_pool_lives(tmp_path):
    """Ten bombs and after them an ordinary answer, which needs a living worker."""
    rows = [{"answer": r"\frac{x}{3}", "completion": rf"\boxed{{{text}}}"} for text in [*BOMBS, r"\frac{2x}{6}"]]
    source, out = write(tmp_path / "bombs.jsonl", *rows), tmp_path / "graded.jsonl"
    start = time.monotonic()
    main(["grade", str(source), str(out), "--reward.timeout", "0.5"])
    assert time.monotonic() - start < len(rows) * (0.5 + 3)  # a killed worker's successor imports sympy first
    outcomes = [row["outcome"] for row in read(out)]
    assert outcomes[-1] == "correct" and "correct" not in outcomes[:-1]
    assert "timeout" in outcomes


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"completion": "x"}, "expected a column 'answer'"),
        ({"answer": "5"}, "expected a column 'completion'"),
        ({"answer": True, "completion": "x"}, "expected a text or a number in column 'answer', got True"),
        ({"answer": "5", "completion": None}, "expected a text in column 'completion', got None"),
        ({"answer": "5", "completion": "x", "truncated": "no"}, "expected true or false in column 'truncated'"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, capsys, row, message):
    source = write(tmp_path / "rows.jsonl", {"answer": "5", "completion": ""}, row)
    with pytest.raises(SystemExit) as stop:
        main(["grade", str(source), str(tmp_path / "out.jsonl")])
    assert stop.value.code == 2
    assert f"p2o: error: {source}:2: {message}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_the_reward_of_a_run(tmp_path, capsys):
    source = write(tmp_path / "rows.jsonl", {"answer": "(1,2)", "completion": r"\boxed{1<x<2}"})
    config = tmp_path / "config.yaml"
    config.write_text("model: {reward: {class_path: MathAnswer, init_args: {set_relations: true, timeout: 20}}}")
    for options, outcome in ([], "wrong"), (["--config", str(config)], "correct"):
        main(["grade", str(source), str(tmp_path / "out.jsonl"), *options])
        assert read(tmp_path / "out.jsonl")[0]["outcome"] == outcome
    config.write_text("model: {}")
    with pytest.raises(SystemExit):
        main(["grade", str(source), str(tmp_path / "out.jsonl"), "--config", str(config)])
    assert "found no model.reward" in capsys.readouterr().err


def test_every_config_of_the_repository_names_its_reward():
    from p2o.cli.commands.grade import reward_of

    configs = Path(__file__).parent.parent.parent / "configs"
    assert {reward_of(path)["class_path"] for path in configs.glob("*.yaml")} == {
        "p2o.rewards.ExactAnswer",
        "p2o.rewards.MarkedAnswer",
        "p2o.rewards.MathAnswer",
    }


def test_the_graded_rows_are_never_overwritten(tmp_path, capsys):
    source = write(tmp_path / "rows.jsonl", {"answer": "5", "completion": r"\boxed{5}"})
    before = source.read_bytes()
    with pytest.raises(SystemExit):
        main(["grade", str(source), str(tmp_path / "." / "rows.jsonl")])
    assert "expected another file" in capsys.readouterr().err and source.read_bytes() == before


def test_an_empty_file_is_refused(tmp_path, capsys):
    source = write(tmp_path / "rows.jsonl")
    with pytest.raises(SystemExit):
        main(["grade", str(source), str(tmp_path / "graded.jsonl")])
    assert "expected rows to grade" in capsys.readouterr().err and not (tmp_path / "graded.jsonl").exists()
