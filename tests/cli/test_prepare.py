import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from p2o.cli.main import main
from p2o.commands.prepare.sources import commit_of
from p2o.commands.prepare.write import sha256
from p2o.questions import QuestionFile

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real questions are not at {DATA}")


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def row(number, **fields):
    return {"problem": f"How much is {number} plus x?", "answer": f"{number}+x", "solution": "so" * 100} | fields


@pytest.fixture
def source(tmp_path):
    rows = [row(n, id=f"q{n}", difficulty=n % 10) for n in range(40)]
    rows += [row(7, id="again", difficulty=7), row(50, id="empty", answer="", difficulty=7)]
    rows += [row(51, id="bad", answer=r"\frac{", difficulty=7), row(3000, id="seen", difficulty=7)]
    return write(tmp_path / "source.jsonl", *rows)


@pytest.fixture
def evaluation(tmp_path):
    (tmp_path / "eval").mkdir()
    write(tmp_path / "eval" / "some.jsonl", {"question": "How much is 3000 + plus x", "answer": "3000+x"})
    return str(tmp_path / "eval")


def prepare(out, *options):
    main(["prepare", "jsonl", str(out), *options])
    return json.loads((out / "card.json").read_text())


def test_parts_card_and_what_was_left_out(tmp_path, source, evaluation, capsys):
    out = tmp_path / "out"
    card = prepare(out, "--source", source, "--evaluation", evaluation, "--test", "5", "--sizes", "10", "20", "90")
    rows = [json.loads(line) for line in (out / "left_out.jsonl").read_text().splitlines()]
    assert {row["id"]: row["rule"] for row in rows} == {
        "empty": "unusable row",
        "again": "duplicate",
        "seen": "in an evaluation set",
        "bad": "gold does not parse",
    }
    assert card["seed"] == 42 and card["questions after each step"] == {
        "rows": 44,
        "usable rows": 43,
        "duplicates": 42,
        "overlap": 41,
        "gold answers": 40,
    }
    assert card["sources"] == [{"file": "source.jsonl", "sha256": sha256(Path(source))}]
    for name, count in {"test": 5, "train": 35, "train_10": 10, "train_20": 20}.items():
        path = out / f"{name}.parquet"
        assert card["parts"][name] == {"questions": count, "sha256": sha256(path)}
        assert pq.read_schema(path).names == ["id", "question", "answer", "difficulty"]  # no solutions
        assert len(QuestionFile(str(path), id="id", difficulty="difficulty").load()) == count
    assert "train_90 was not made" in capsys.readouterr().out
    assert "in an evaluation set: 1" in (out / "README.md").read_text()


def test_what_is_kept_is_reported(tmp_path, source, evaluation):
    options = ("--source", source, "--evaluation", evaluation, "--keep", "duplicates", "overlap")
    card = prepare(tmp_path / "out", *options)
    assert card["questions after each step"]["gold answers"] == 42
    assert card["left out"]["kept: duplicate"] == card["left out"]["kept: in an evaluation set"] == 1


def test_the_same_seed_gives_the_same_bytes(tmp_path, source):
    options = ("--source", source, "--evaluation", "none", "--test", "5")
    first, second, other = (
        prepare(tmp_path / name, *options, "--seed", seed) for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]
    )
    assert first == second and first["parts"] != other["parts"]


def test_hub_spelling_and_other_columns(tmp_path):
    rows = [{"question": f"{n}?", "final_answer": n, "r1_solution_1": "so"} for n in range(3)]
    prepare(tmp_path / "a", "--source", write(tmp_path / "rows.jsonl", *rows), "--evaluation", "none")
    assert pq.read_table(tmp_path / "a" / "train.parquet").column("id").to_pylist()[0].startswith("rows-")
    rows = [{"ask": f"{n}?", "gold": n} for n in range(3)]
    other = write(tmp_path / "other.jsonl", *rows)
    prepare(tmp_path / "b", "--source", other, "--question", "ask", "--answer", "gold", "--evaluation", "none")
    assert pq.read_table(tmp_path / "b" / "train.parquet").num_rows == 3


def test_a_data_set_as_the_hub_has_it(tmp_path, monkeypatch):
    """DeepMath's columns, as `datasets` reads them."""
    datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    rows = [
        {"question": f"{n}?", "final_answer": f"{n}", "difficulty": 6.5 + n % 2, "r1_solution_1": "so"}
        for n in range(9)
    ]
    datasets.Dataset.from_list(rows).to_json(tmp_path / "data" / "train.jsonl")
    options = ["--source", str(tmp_path / "data"), "--evaluation", "none", "--test", "1", "--revision", "main"]
    main(["prepare", "deepmath", str(tmp_path / "out"), *options])
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["questions after each step"]["difficulty"] == 4
    assert card["sources"] == [{"hub": str(tmp_path / "data"), "revision": "main"}]
    commit = "0123456789" * 4
    assert commit_of({f"hf://datasets/some/set@{commit}/data/train.parquet": None}) == commit


def rejected(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(["prepare", *words])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_refusals(tmp_path, source, capsys):
    out = str(tmp_path / "out")
    assert "expected --source" in rejected(capsys, "jsonl", out)
    assert "No such file" in rejected(capsys, "jsonl", out, "--source", "none.jsonl", "--evaluation", "none")
    said = rejected(capsys, "deepscaler", out, "--source", source, "--evaluation", "none")
    assert "--test 500: expected fewer test questions" in said
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    said = rejected(capsys, "jsonl", str(tmp_path / "full"), "--source", source, "--evaluation", "none")
    assert "expected a new or an empty folder" in said
    assert "expected a number of questions, got '-1'" in rejected(capsys, "jsonl", out, "--test=-1")
    assert not Path(out).exists()


@needs_data
def test_deepmath_as_the_paper_has_it(tmp_path):
    """A tenth of the sample, since each gold answer takes ten milliseconds."""
    lines = (DATA / "train" / "deepmath5k.jsonl").read_text().splitlines()[::10]
    (tmp_path / "part.jsonl").write_text("\n".join(lines))
    options = ["--source", str(tmp_path / "part.jsonl"), "--evaluation", str(DATA / "eval"), "--test", "20"]
    main(["prepare", "deepmath", str(tmp_path / "out"), *options])
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    kept = card["questions after each step"]["balancing"]
    assert card["filters"]["minimum difficulty"] == 7
    assert card["parts"]["train"]["questions"] == kept - 20 > 20
    assert card["answer types"].get("yes_no", 0) <= 0.05 * kept
    assert card["not made for want of questions"] == ["train_5000", "train_10000"]


@needs_data
def test_the_aime_questions_of_math500_are_found(tmp_path):
    options = ["--source", str(DATA / "train" / "deepscaler_train_aime.jsonl"), "--evaluation", str(DATA / "eval")]
    main(["prepare", "deepscaler", str(tmp_path / "out"), *options, "--test", "100"])
    rows = [json.loads(line) for line in (tmp_path / "out" / "left_out.jsonl").read_text().splitlines()]
    same = [row for row in rows if row["rule"] == "in an evaluation set"]
    assert len(same) >= 5 and all("math500" in row["detail"] for row in same)


def test_too_few_questions_are_told_with_the_steps_that_left_them_out(tmp_path, capsys):
    rows = [row(n, answer=f"We add them up. 3 + 4 = 7.\n#### {n}") for n in range(30)]
    source = write(tmp_path / "gsm.jsonl", *rows, row(7, answer="7"))
    with pytest.raises(SystemExit):
        prepare(tmp_path / "out", "--source", source, "--evaluation", "none", "--test", "20")
    error = capsys.readouterr().err
    assert "--test 20: expected fewer test questions than there are, 0 are left after cleaning." in error
    assert "Questions after each step: rows: 31, usable rows: 31, duplicates: 30, gold answers: 0." in error
    assert "duplicate, first row 'gsm-31'" in error and "gold does not parse, first row 'gsm-1': 'We add" in error
    assert "keep what stands after '####'" in error and error.count("first row") == 2
