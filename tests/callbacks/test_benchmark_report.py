"""`p2o test` through the command line, on a model folder without any checkpoint."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from p2o.cli.main import main
from p2o.engines import TransformersEngine
from p2o.mixture.data_module import MixtureDataModule
from p2o.worlds.bundled import MICRO_POLICY

CONFIG = Path(__file__).parent.parent.parent / "configs" / "quickstart.yaml"
DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "eval"


def write(path, count):
    """A benchmark whose first answer is empty-handed: no completion can match it but letter by letter."""
    rows = [{"id": f"q{n}", "problem": f"{n}+1?", "answer": str(n + 1) if n else r"\frac{"} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(root, model, *options):
    main(
        [
            "test",
            f"--config={CONFIG}",
            f"--trainer.default_root_dir={root}",
            "--trainer.enable_progress_bar=false",
            f"--model.model={model}",
            "--model.max_completion_length=6",
            *options,
        ]
    )
    return json.loads((root / "benchmarks" / "results.json").read_text())


def test_protocol_results_and_completions(tmp_path, tiny_model, capsys):
    few, many = write(tmp_path / "few.jsonl", 3), write(tmp_path / "many.jsonl", 100)
    with pytest.warns(UserWarning, match=r"1 benchmark answers are matched letter by letter alone: q0 "):
        results = run(tmp_path, tiny_model, f"--data.benchmarks=[{few}]")
    results = run(tmp_path, tiny_model, f"--data.benchmarks=[{few}, {many}]", "--data.benchmark_limit=2")
    assert list(results["benchmarks"]) == ["few", "many"]
    sampled, greedy = results["benchmarks"].values()
    assert (sampled["questions"], sampled["samples"], sampled["temperature"]) == (2, 16, 0.6)
    assert (greedy["questions"], greedy["samples"], greedy["temperature"]) == (2, 1, 0.0)  # many has 100
    assert list(sampled["pass@k"]) == ["1", "2", "4", "8", "16"] and list(greedy["pass@k"]) == ["1"]
    assert sum(sampled["outcomes"].values()) == pytest.approx(1)
    assert results["model"] == str(tiny_model) and results["checkpoint"] is None
    rows = pq.read_table(tmp_path / "benchmarks" / "completions.parquet").to_pylist()
    assert [(row["benchmark"], row["id"], row["sample"]) for row in rows] == [
        *[("few", f"q{n}", k) for n in range(2) for k in range(16)],
        ("many", "q0", 0),
        ("many", "q1", 0),
    ]
    assert len({row["completion"] for row in rows[:16]}) > 1  # samples differ
    truncated = [row["truncated"] for row in rows[:32]]
    assert sampled["truncated"] == pytest.approx(sum(truncated) / 32)
    assert sampled["completion_length"] == pytest.approx(sum(row["tokens"] for row in rows[:32]) / 32)
    table = (tmp_path / "benchmarks" / "results.md").read_text()
    assert "| few " in table and "| average " in table
    assert results == run(tmp_path, tiny_model, f"--data.benchmarks=[{few}, {many}]", "--data.benchmark_limit=2")
    main(["grade", str(tmp_path / "benchmarks" / "completions.parquet"), str(tmp_path / "again.jsonl")])
    again = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert [row["outcome"] for row in again] == [row["outcome"] for row in rows]


def test_without_benchmarks_the_validation_questions_are_asked(tmp_path, tiny_model):
    options = ["--data.validation.init_args.easy=2", "--data.validation.init_args.hard=1"]
    results = run(tmp_path, tiny_model, "--model.max_prompt_length=500", *options)
    assert results["benchmarks"]["validation"]["questions"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data.benchmarks=[aime99]"], "'aime99': expected a benchmark (aime24, aime25, amc23, math500"),
        (["--data.benchmarks=[none.jsonl]"], "none.jsonl: expected a readable data file"),
        (["--data.benchmarks=[aime24]", "--data.benchmark_folder=none"], "none/aime24.jsonl: expected a readable"),
        (["--data.benchmark_limit=-1"], "data.benchmark_limit must be at least 0"),
    ],
)
def test_refusals(tmp_path, tiny_model, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, tiny_model, *options)
    assert stop.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "expected a checkpoint whose evolution found a template, there is none"),
        ("Go. " * 130, r"few.jsonl:1 \(id 'q0'\): the prompt under the best template has 5\d\d tokens, .* leave 506"),
        ("<|end|>", r"few.jsonl:1 \(id 'q0'\): Expected plain text, found the special token"),
    ],
)
def test_a_template_that_does_not_fit_is_refused_before_any_question_is_asked(
    tmp_path, tiny_model, capsys, monkeypatch, template, message
):
    monkeypatch.setattr(TransformersEngine, "generate", lambda *_: pytest.fail("it began"))
    if template is not None:
        monkeypatch.setattr(MixtureDataModule, "template_of_test", lambda _: template)
    few = write(tmp_path / "few.jsonl", 3)
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, tiny_model, f"--data.benchmarks=[{few}]", "--data.benchmark_template=true")
    assert stop.value.code == 2 and re.search(message, capsys.readouterr().err)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real questions are not at {DATA}")
@pytest.mark.parametrize("model", ["random", "micro-policy"])
def test_real_questions(tmp_path, model, tiny_model):
    if model == "micro-policy" and not (MICRO_POLICY / "config.json").is_file():
        pytest.skip("the micro-policy is not bundled")
    folder = {"random": with_window(tiny_model, tmp_path / "model"), "micro-policy": "p2o/micro-policy"}[model]
    results = run(
        tmp_path,
        folder,
        "--data.benchmarks=[aime24, math500]",
        f"--data.benchmark_folder={DATA}",
        "--data.benchmark_limit=3",
        "--model.max_prompt_length=1800",
    )
    assert {name: entry["samples"] for name, entry in results["benchmarks"].items()} == {"aime24": 16, "math500": 1}


def with_window(model, folder):
    """The model with room for the questions of real benchmarks."""
    folder.mkdir()
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 2048}))
    return folder
