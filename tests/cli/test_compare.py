"""Real `p2o compare` processes that start real `p2o fit` processes, on studies of a few questions."""

import io
import json
import os
import re
import signal
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml

from p2o.cli.commands.compare import read_study
from p2o.cli.main import main
from processes import start

pytestmark = pytest.mark.timeout(300)  # two whole commands, and three runs that import torch anew

CONFIG = Path(__file__).parent.parent.parent / "configs" / "quickstart.yaml"
STUDY = {
    "title": "A & B <i>",
    "configs": [str(CONFIG)],
    "baseline": "good",
    "seeds": [3],
    "jobs": 2,
    "options": {
        "trainer.max_epochs": 2,
        "data.train": {"class_path": "ChainQuestions", "init_args": {"split": "train", "easy": 3, "hard": 5}},
        "data.validation": {"class_path": "ChainQuestions", "init_args": {"split": "validation", "easy": 2, "hard": 4}},
        "data.batch_size": 8,
        "evolution.reflector": {"class_path": "StaticReflector", "init_args": {"templates": ["Be concise."]}},
        "evolution.budget": 12,
        "evolution.min_hard_set": 2,
        "fixed_questions.questions": 0,
    },
    "methods": {"good": {}, "same": {}, "bad": {"options": {"model.model": "/no/such/folder"}}},
}


def in_a_session_of_its_own(words):
    os.setsid()
    main(words)


@pytest.fixture(scope="module")
def killed_and_run_again(tmp_path_factory):
    """`p2o compare` and all that it started, killed after a first epoch; then the same command once more."""
    root = tmp_path_factory.mktemp("compare")
    study = root / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    command = ["compare", str(study), "--out", str(root / "out")]
    # In order: the run that fails is begun by the second command alone.
    process = start(in_a_session_of_its_own, [*command, "--jobs=1"])
    while not list(root.glob("out/fits/good-*/checkpoints/epoch=*.ckpt")):
        assert process.is_alive(), "it ended before a first checkpoint"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    [folder] = root.glob("out/fits/good-*")
    assert not json.loads((folder / "summary.json").read_text())["finished"]
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error), pytest.raises(SystemExit) as stop:
        main(command)
    return root, folder, (stop.value.code, out.getvalue(), error.getvalue())


@pytest.mark.slow
def test_a_killed_study_goes_on_where_it_was(killed_and_run_again):
    _, folder, _ = killed_and_run_again
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["epochs"] == 2 and summary["finished"]
    assert "Restored all states from the checkpoint" in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_a_failed_run_is_shown_with_the_end_of_its_log(killed_and_run_again):
    root, _, (code, _, error) = killed_and_run_again
    assert code == 2
    [bad] = root.glob("out/fits/bad-*")
    assert f"{bad.name} FAILED" in error and "'/no/such/folder' does not exist" in error
    assert error.splitlines()[-1].startswith(f"p2o: error: 1 of the runs failed: {bad.name}.")
    assert "Traceback" not in error


@pytest.mark.slow
def test_the_table_says_what_is_missing(killed_and_run_again):
    root, folder, (_, out, _) = killed_and_run_again
    text = (root / "out" / "study" / "table.md").read_text()
    assert text == out
    rows = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("|")}
    summary = json.loads((folder / "summary.json").read_text())
    [bad] = root.glob("out/fits/bad-*")
    assert f"MISSING, and counted nowhere: {bad.name}" in text
    assert not re.search(r"\d", rows["bad"])  # the last table's row: no figure, above all no zero
    assert f"{summary['rollouts']['train'] + summary['rollouts']['evolution']}" in rows["good"]
    assert rows["good"].split("|")[2:] == rows["same"].split("|")[2:]  # one config, one run
    assert not list(root.glob("out/fits/same-*"))


@pytest.mark.slow
def test_figures_and_other_formats(killed_and_run_again):
    root, folder, _ = killed_and_run_again
    figures = json.loads((root / "out" / "study" / "results.json").read_text())
    good, _, bad = figures["rows"]
    summary = json.loads((folder / "summary.json").read_text())
    [run] = good["runs"]
    assert run["accuracy"] == summary["validation"]["bare"]["hard"]
    assert run["accuracies"] == [part["bare"]["hard"] for part in summary["history"]]
    assert run["tokens"] == summary["tokens"] and run["seed"] == 3
    shares = [epoch.count("1") / len(good["questions"]) for epoch in run["correct"]]
    assert shares == run["accuracies"] and len(run["spent"]) == len(shares)
    assert bad["runs"] == [{"seed": 3, "folder": bad["runs"][0]["folder"], "done": False}]
    assert "<h1>A &amp; B &lt;i&gt;</h1>" in (root / "out" / "study" / "table.html").read_text()
    assert "\\begin{tabular}" in (root / "out" / "study" / "table.tex").read_text()


@pytest.mark.slow
def test_what_is_done_is_not_run_again(killed_and_run_again, capsys):
    root, folder, _ = killed_and_run_again
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    methods = '{"good": {}}'
    main(["compare", str(root / "study.yaml"), "--out", str(root / "out"), f"--methods={methods}"])
    assert "1 runs, 1 of them done; 0 to do" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_only_the_chosen_of_tuned_values_is_compared(tmp_path, capsys):
    """Four runs: two values with the tuning seed, the better one and the baseline with the other."""
    values = {"model.optimizer.init_args.lr": [3.0e-3, 0.0]}
    study = STUDY | {"methods": {"good": {}, "tuned": {"tune": values}}, "tuning_seeds": [4], "accuracy": "bare"}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    main(["compare", str(path), "--out", str(tmp_path / "out"), "--jobs=0"])
    assert capsys.readouterr().out.count("-seed4") == 2  # what is chosen is not known yet: nothing more is named
    main(["compare", str(path), "--out", str(tmp_path / "out")])
    printed = capsys.readouterr()
    assert "2 runs, 0 of them done" in printed.err and "MISSING" not in printed.out
    good, *tuned = json.loads((tmp_path / "out" / "study" / "results.json").read_text())["rows"]
    assert good["tuning"] == {} and all(list(row["tuning"]) == ["4"] for row in tuned)
    [best] = [row for row in tuned if row["shown"]]
    assert best["tuning"]["4"] == max(row["tuning"]["4"] for row in tuned)
    assert [[run["done"] for run in row["runs"]] for row in tuned] == [[row is best] for row in tuned]


def test_without_jobs_only_the_tables_are_written(tmp_path, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    main(["compare", str(study), "--out", str(tmp_path / "out"), "--jobs=0"])
    printed = capsys.readouterr()
    assert "MISSING, and counted nowhere: good-" in printed.out
    assert f"Wrote {tmp_path}/out/study: table.md, table.tex, table.html, results.json." in printed.err
    assert not (tmp_path / "out" / "fits").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "best"}, r"study\.yaml: baseline: expected one of good, same, bad, got 'best'"),
        ({"sedes": [1]}, "sedes"),
        ({"methods": {"good": {"config": []}}}, "'config' is not accepted"),
        ({"options": {"data.taus": 3}}, r"study\.yaml: good: .*data\.taus"),
        ({"options": {"data.tau": "many"}}, r"study\.yaml: good: .*data\.tau"),
        ({"configs": ["no.yaml"]}, r"study\.yaml: good: .*no\.yaml"),
        ({"seeds": ["a"]}, "seeds"),
    ],
)
def test_mistakes_show_before_anything_runs(tmp_path, capsys, change, message):
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY | change, sort_keys=False), encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["compare", str(study), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and re.search(message, error, re.DOTALL) and "Traceback" not in error
    assert not (tmp_path / "out" / "fits").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a study file"),
        (["--jobs=2"], "expected a study file"),
        (["/no/such.yaml"], "/no/such.yaml: expected the YAML file of a study: No such file or directory"),
        (["/"], "/: expected the YAML file of a study: Is a directory"),
        (["EMPTY"], "expected the YAML file of a study with configs, methods and baseline, found nothing"),
    ],
)
def test_a_study_file_is_needed(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    Path("EMPTY").touch()
    with pytest.raises(SystemExit) as stop:
        main(["compare", *words])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_options_of_the_command_line_are_added_to_those_of_the_study(tmp_path):
    """A study's header says `--options '{"model.model": ...}'`, which must not take the rest of its options away."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    changes = {"model.model": "p2o/skills-policy", "evolution.budget": 20}
    study, _ = read_study([str(path), "--options", json.dumps(changes), "--seeds", "[4]"])
    assert study.options == STUDY["options"] | changes and study.seeds == [4]
