"""What whole runs leave behind: real Trainer, real micro-policy."""

import json
import time
from pathlib import Path

import pytest
import yaml

from p2o.cli.main import main
from p2o.engines import TransformersEngine
from p2o.io.tables import read_rows
from p2o.progress import tasks
from p2o.run_folder.question_record import template_id
from quickstart_run import logged

CONFIG = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
USEFUL = "Go through the chain step by step."


def fit(root, epochs, *options):
    main(
        [
            "fit",
            f"--config={CONFIG}",
            f"--trainer.default_root_dir={root}",
            f"--trainer.max_epochs={epochs}",
            "--trainer.enable_progress_bar=false",
            "--model.max_completion_length=48",
            "--data.train.init_args.easy=4",
            "--data.train.init_args.hard=6",
            "--data.validation.init_args.easy=2",
            "--data.validation.init_args.hard=2",
            "--data.batch_size=5",
            "--data.tau=6",
            "--data.bare_rollouts=2",
            "--evolution.reflector=StaticReflector",
            f'--evolution.reflector.templates=["Be concise.", "{USEFUL}"]',
            "--evolution.budget=25",
            "--evolution.min_hard_set=4",
            "--fixed_questions.questions=5",
            "--rollout_log.train=4",
            "--rollout_log.validation=3",
            *options,
        ]
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    fit(root, 2)
    return root


def rows(path):
    return [row for _, row in read_rows(path)]


def test_the_folder_holds_what_the_docs_say(run):
    made = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert {"config.yaml", "summary.json", "fixed_questions.json", "ledger.json"} <= made
    assert {"evolution/epoch-0000.json", "evolution/epoch-0000.jsonl"} <= made
    assert {f"rollouts/{kind}-epoch-000{n}.parquet" for kind in ("train", "validation") for n in (0, 1)} <= made
    assert {"logs/version_0/metrics.csv", "checkpoints/last.ckpt"} <= made
    assert any(path.startswith("tensorboard/version_0/events.out.tfevents") for path in made)
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["tau"] == 6
    assert not any(".part-" in path for path in made)


def test_lineage_names_parents_and_evidence(run):
    candidates = rows(run / "evolution" / "epoch-0000.jsonl")
    seed, *others = candidates
    assert (seed["id"], seed["parent"], seed["status"], seed["iteration"]) == ("", None, "seed", 0)
    assert others and all(candidate["parent"] in {c["id"] for c in candidates} for candidate in others)
    for candidate in others:
        assert candidate["id"] == template_id(candidate["text"])
        assert len(candidate["mini_batch"]) == len(candidate["before"]) == len(candidate["after"]) == 3
    figures = json.loads((run / "evolution" / "epoch-0000.json").read_text())
    assert figures["spent"] == sum(
        i["parent_rollouts"] + i["child_rollouts"] + i["dev_rollouts"] for i in figures["iteration_figures"]
    )
    assert figures["best_dev_scores"][-1] == figures["best_dev_score"]
    banked = {candidate["id"] for candidate in candidates if candidate["weight"] is not None}
    assert {id for solvers in figures["solvers"].values() for id in solvers} <= banked
    [entry] = json.loads((run / "ledger.json").read_text())["entries"]
    [(reflector, usage)] = figures["reflection"].items()
    assert entry == {"epoch": 0, "reflector": reflector} | usage
    assert figures["seconds"] > 0 and figures["tokens"]["evolution"] > 0


def test_completions_are_of_the_same_questions_in_every_epoch(run):
    first, second = (rows(run / "rollouts" / f"train-epoch-000{n}.parquet") for n in (0, 1))
    assert len(first) == len(second) == 4 * 6
    assert {row["id"] for row in first} == {row["id"] for row in second}
    assert all(row["context"] == "bare" and not row["template"] for row in first)
    assert any(row["context"] == "templated" and row["template"] for row in second)
    validation = rows(run / "rollouts" / "validation-epoch-0001.parquet")
    assert [row["context"] for row in validation].count("bare") == 3
    assert all(row["completion"] and row["outcome"] for row in validation)


def test_fixed_questions_are_asked_before_and_after_each_half_step(run):
    measurements = json.loads((run / "fixed_questions.json").read_text())["measurements"]
    moments = [(m["epoch"], m["moment"]) for m in measurements]
    assert moments == [(e, f"{m} training") for e in (0, 1) for m in ("before", "after")]
    start, trained, evolved, end = measurements
    assert len({tuple(q["id"] for q in m["questions"]) for m in measurements}) == 1
    assert all(q["mixture"] == q["bare"] and not any(q["templated"]) for q in start["questions"] + trained["questions"])
    assert [q["bare"] for q in evolved["questions"]] == [q["bare"] for q in trained["questions"]]  # the same policy
    assert any(q["templated"] == [True] * 4 + [False] * 2 for q in evolved["questions"])
    for question in evolved["questions"] + end["questions"]:
        for bare, mixed, templated in zip(*(question[n] for n in ("bare", "mixture", "templated")), strict=True):
            assert templated or mixed == bare
    assert any(q["mixture"] != q["bare"] for q in evolved["questions"])  # the template changes what is answered
    summary = json.loads((run / "summary.json").read_text())
    assert summary["rollouts"]["fixed_questions"] == 3 * 5 * 6 + sum(
        sum(q["templated"]) for m in (evolved, end) for q in m["questions"]
    )


def test_context_ratios_are_logged(run):
    header = (run / "logs" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"context/below", "context/above", "context/below_fifth_1"} <= set(header)


def test_how_far_the_policy_moves_and_what_time_was_useful_is_logged(run):
    """0 before training, and more after two epochs; entropies lie between none and that of the vocabulary."""
    [start, *_, end] = logged(run, "fixed_questions/kl")
    assert abs(start) < 1e-6 < end
    assert all(0 < entropy < 6 for entropy in logged(run, "policy/entropy"))
    assert all(0 < share <= 1 for share in logged(run, "pace/goodput"))


def without_clocks(value):
    if isinstance(value, dict):
        clocks = ("seconds", "tokens_per_second", "memory_peak_gib", "starts", "goodput")
        return {k: without_clocks(v) for k, v in value.items() if "seconds" not in k and k not in clocks}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def resumed(run, tmp_path_factory):
    """An epoch elsewhere by the config that the run left, and another one by the config that this one left."""
    root = tmp_path_factory.mktemp("resumed")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    main(["fit", "--config", str(run / "config.yaml"), f"--trainer.default_root_dir={root}", "--trainer.max_epochs=1"])
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    main(["fit", "--config", str(root / "config.yaml"), "--trainer.max_epochs=2", "--ckpt_path=last"])
    return root


def test_a_resumed_run_leaves_the_same_files(run, resumed):
    for folder, suffix in (("evolution", "jsonl"), ("questions", "parquet"), ("rollouts", "parquet")):
        first, second = (sorted((root / folder).glob(f"*.{suffix}")) for root in (run, resumed))
        assert [path.name for path in first] == [path.name for path in second]
        assert [rows(path) for path in first] == [rows(path) for path in second]
    for name in ("evolution/epoch-0000.json", "fixed_questions.json", "ledger.json", "summary.json"):
        first, second = (json.loads((root / name).read_text()) for root in (run, resumed))
        assert without_clocks(first) == without_clocks(second)


def test_the_config_of_a_run_makes_another_one_elsewhere(resumed):
    made = {path.relative_to(resumed).as_posix() for path in resumed.rglob("*") if path.is_file()}
    assert {"checkpoints/last.ckpt", "logs/version_0/metrics.csv", "logs/version_0/config.yaml"} <= made
    assert any(path.startswith("tensorboard/version_0/events") for path in made)


def test_folders_that_somebody_chose_stay_in_the_config(tmp_path):
    chosen = tmp_path / "chosen"
    fit(tmp_path / "run", 1, f"--checkpoint.dirpath={chosen}", "--trainer.logger=false")
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (config["checkpoint"]["dirpath"], config["trainer"]["logger"]) == (str(chosen), False)
    assert (chosen / "last.ckpt").exists() and not (tmp_path / "run" / "logs").exists()


def test_without_evolution_no_lineage_of_an_earlier_run_is_left(run, tmp_path):
    old = tmp_path / "evolution" / "epoch-0000.jsonl"
    old.parent.mkdir()
    old.write_text("{}\n")
    fit(
        tmp_path,
        2,
        "--evolution.budget=0",
        "--fixed_questions.questions=0",
        *(f"--{log}.enabled=false" for log in ("question_log", "rollout_log", "validation_log", "run_summary")),
    )
    assert not list(old.parent.iterdir())
    assert not {path.name for path in tmp_path.iterdir()} & {"questions", "rollouts", "validation", "summary.json"}
    assert not (tmp_path / "fixed_questions.json").exists() and not (tmp_path / "rollouts").exists()


def test_a_report_of_it_lacks_nothing(run, tmp_path):
    main(["report", str(run), "--out", str(tmp_path / "report.html")])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<section ") == 14 and page.count("<img ") >= 15
    assert 'class="missing"' not in page


def test_an_epoch_without_validation_has_no_figures_of_an_earlier_one(tmp_path, capsys):
    """Lightning keeps the metrics of the last validation, however long ago."""
    fit(tmp_path, 3, "--evolution.budget=0", "--trainer.check_val_every_n_epoch=2")
    summary = json.loads((tmp_path / "summary.json").read_text())
    nothing = {"bare": None, "templated": None}
    assert [epoch["bare"] is None for epoch in summary["history"]] == [True, False, True]
    assert summary["validation"] == summary["history"][0] == nothing
    main(["report", str(tmp_path)])
    assert "nan" not in (tmp_path / "report.html").read_text().lower().split("<script")[0]


@pytest.mark.parametrize("ends", [KeyboardInterrupt, RuntimeError])
def test_a_start_that_fails_in_evolution_is_noted_with_all_of_its_time(tmp_path, monkeypatch, ends):
    now, sample = [0.0], TransformersEngine.generate

    def slow(self, policy, prompts, sampling, title="rollouts"):
        if title == "dev":
            now[0] += 3600
            raise ends
        return sample(self, policy, prompts, sampling, title)

    monkeypatch.setattr("time.monotonic", lambda now=now, real=time.monotonic: real() + now[0])
    monkeypatch.setattr(TransformersEngine, "generate", slow)
    with pytest.raises((SystemExit, RuntimeError)):
        fit(tmp_path, 2)
    [start] = json.loads((tmp_path / "attempts.json").read_text())["attempts"]
    assert start["seconds"] > 3600
    assert not tasks._watchers  # of another run in this process


def test_a_start_that_is_killed_in_evolution_was_seen_alive_there(tmp_path, monkeypatch):
    now, seen, sample = [0.0], [], TransformersEngine.generate

    def slow(self, policy, prompts, sampling, title="rollouts"):
        now[0] += 60 if title == "dev" else 0
        completions = sample(self, policy, prompts, sampling, title)
        if title == "dev":  # where a kill would leave it
            seen.append(json.loads((tmp_path / "attempts.json").read_text())["attempts"][0]["seconds"])
        return completions

    monkeypatch.setattr("time.monotonic", lambda now=now, real=time.monotonic: real() + now[0])
    monkeypatch.setattr(TransformersEngine, "generate", slow)
    fit(tmp_path, 2)
    assert seen and min(seen) > 60
