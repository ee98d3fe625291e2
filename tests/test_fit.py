"""Whole runs through the command line: real Trainer, real micro-policy, every part as a user has it."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
import torch
import yaml

from p2o.cli.commands.plan import PlanCLI
from p2o.cli.main import main
from p2o.cli.trainer import parse_command
from p2o.commands.planning.phases import phases
from p2o.commands.planning.prices import Paid
from p2o.io.tables import read_rows
from processes import start

CONFIGS = Path(__file__).parent.parent / "configs"
SMALL = [
    "--data.train.init_args.easy=3",
    "--data.train.init_args.hard=5",
    "--data.validation.init_args.easy=4",
    "--data.validation.init_args.hard=4",
    "--data.batch_size=4",
    "--model.mini_batch_size=2",  # two updates per rollout batch
    "--data.tau=6",  # one failure makes a question hard: there is something to evolve on in every epoch
    "--evolution.reflector=StaticReflector",
    '--evolution.reflector.templates=["Be concise.", "Go through the chain step by step."]',
    "--evolution.proposals=2",
    "--evolution.budget=18",  # the empty template and both of these, once
    "--evolution.min_hard_set=2",
    "--trainer.enable_progress_bar=false",
    "--fixed_questions.questions=1",
]


def fit(root: Path, epochs: int, *options: str) -> dict:
    """The checkpoint after a run."""
    config = ["--config", str(CONFIGS / "quickstart.yaml"), f"--trainer.default_root_dir={root}"]
    main(["fit", *config, *SMALL, f"--trainer.max_epochs={epochs}", *options])
    return last(root)


def last(root: Path) -> dict:
    """The newest checkpoint: Lightning leaves one that it resumed from in its place."""
    newest = max((root / "checkpoints").glob("last*.ckpt"), key=lambda path: path.stat().st_mtime)
    return torch.load(newest, weights_only=True)


MEASURED = ("goodput", "memory_peak_gib", "tokens_per_second")


def differences(left, right, path=""):
    """Where two nested states differ, bit by bit; what clocks and the memory say is left out."""
    if isinstance(left, dict):
        names = sorted({*left, *right}, key=str)
        return [
            d
            for name in names
            if "seconds" not in str(name) and name not in MEASURED
            for d in (
                differences(left[name], right[name], f"{path}/{name}")
                if name in left and name in right
                else [f"{path}/{name}"]
            )
        ]
    if isinstance(left, list | tuple):
        if len(left) != len(right):
            return [path]
        return [d for i, (a, b) in enumerate(zip(left, right, strict=True)) for d in differences(a, b, f"{path}/{i}")]
    if isinstance(left, torch.Tensor):
        return [] if torch.equal(left, right) else [path]
    return [] if left == right else [path]


def state(checkpoint: dict) -> dict:
    """All that decides how the run goes on."""
    return {
        name: checkpoint[name]
        for name in (
            "state_dict",
            "optimizer_states",
            "lr_schedulers",
            "MixtureDataModule",
            "p2o",
            "global_step",
            "epoch",
        )
    } | {"callbacks": {n: s for n, s in checkpoint["callbacks"].items() if not n.startswith("RunCheckpoint")}}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Three epochs in one go."""
    root = tmp_path_factory.mktemp("straight")
    return root, fit(root, 3)


def test_the_run_did_what_it_is_about(straight):
    _, checkpoint = straight
    data = checkpoint["MixtureDataModule"]
    assert data["hard_set"]["hard"] and data["bank"]["templates"]
    reports = checkpoint["callbacks"]["TemplateEvolution"]["reports"]
    assert [report["epoch"] for report in reports] == [0, 1]  # not after the last epoch
    assert all(0 < report["spent"] <= 18 for report in reports)
    assert checkpoint["global_step"] == 3 * 4


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The same config and seed, with one epoch less."""
    root = tmp_path_factory.mktemp("two")
    return root, fit(root, 2)


def test_same_seed_same_result_by_the_config_that_a_run_left(two, tmp_path):
    saved = next((two[0] / "logs").glob("version_*/config.yaml"))
    main(["fit", "--config", str(saved), f"--trainer.default_root_dir={tmp_path}"])
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["data"]["tau"] == 6
    assert differences(state(two[1]), state(last(tmp_path))) == []
    assert differences(*(json.loads((root / "summary.json").read_text()) for root in (two[0], tmp_path))) == []
    for name in ("questions", "validation", "rollouts"):
        files = sorted(path.name for path in (tmp_path / name).glob("*.parquet"))
        assert files
        for file in files:
            first, second = ([row for _, row in read_rows(root / name / file)] for root in (two[0], tmp_path))
            assert first == second


def test_other_seed_other_result(two, tmp_path):
    other = fit(tmp_path, 2, "--seed_everything=1")
    assert any(d.startswith("/state_dict") for d in differences(state(two[1]), state(other)))


def test_two_epochs_and_resume_to_three_equal_three(straight, two, tmp_path):
    shutil.copytree(two[0], tmp_path, dirs_exist_ok=True)
    resumed = fit(tmp_path, 3, "--ckpt_path", str(tmp_path / "checkpoints" / "last.ckpt"))
    assert differences(state(straight[1]), state(resumed)) == []
    summaries = [json.loads((root / "summary.json").read_text()) for root in (straight[0], tmp_path)]
    assert [summary.pop("starts") for summary in summaries] == [1, 2]
    assert differences(*summaries) == []


def test_summary(straight):
    summary = json.loads((straight[0] / "summary.json").read_text())
    assert summary["epochs"] == len(summary["history"]) == len(summary["hard_set"]) == len(summary["templates"]) == 3
    assert summary["rollouts"]["train"] == 3 * 8 * 6
    assert summary["rollouts"]["evolution"] == sum(
        report["spent"] for report in straight[1]["callbacks"]["TemplateEvolution"]["reports"]
    )
    assert summary["rollouts"]["validation"] == 8 + 2 * 16  # no template to validate in the first epoch
    assert set(summary["tokens"]) == {*summary["rollouts"], "reflection"}
    assert summary["tokens"]["reflection"] == 0  # of StaticReflector
    assert all(summary["rollouts"][phase] <= summary["tokens"][phase] for phase in summary["rollouts"])
    assert summary["rollout_history"][-1] == summary["rollouts"]
    assert [counts["train"] for counts in summary["rollout_history"]] == [48, 96, 144]
    assert summary["validation"] == summary["history"][-1]
    assert set(summary["validation"]) == {"bare", "templated"}
    assert all(set(part) == {"easy", "hard"} for part in summary["validation"].values())
    assert summary["history"][0]["templated"] is None
    assert summary["seconds"] > 0


def test_what_is_counted_lies_within_the_plan(straight):
    summary = json.loads((straight[0] / "summary.json").read_text())
    words = ["fit", "--config", str(CONFIGS / "quickstart.yaml"), *SMALL, "--trainer.max_epochs=3"]
    run = parse_command(words, PlanCLI).planned()
    planned = {phase.name.split()[0].removesuffix("ing"): phase for phase in phases(run, None, Paid())}
    assert {*summary["rollouts"]} == {*planned} - {"updates", "reflection"}
    for phase, count in summary["rollouts"].items():
        assert planned[phase].rollouts.low <= count <= planned[phase].rollouts.high, phase
        tokens = planned[phase].completion_tokens
        assert tokens.low <= summary["tokens"][phase] <= tokens.high, phase


def test_validation_outcomes_of_every_question_are_kept(straight):
    root, _ = straight
    files = sorted((root / "validation").iterdir())
    assert [file.name for file in files] == [f"epoch-{number:04d}.parquet" for number in range(3)]
    summary = json.loads((root / "summary.json").read_text())
    for epoch, (file, history) in enumerate(zip(files, summary["history"], strict=True)):
        rows = [row for _, row in read_rows(file)]
        assert {row["epoch"] for row in rows} == {epoch}
        for context, accuracies in history.items():
            for difficulty, accuracy in (accuracies or {}).items():
                part = [r["correct"] for r in rows if (r["context"], r["difficulty"]) == (context, difficulty)]
                assert len(part) == 4 and sum(part) / 4 == accuracy
    tokens = sum(row["tokens"] for file in files for _, row in read_rows(file))
    assert tokens == summary["tokens"]["validation"]


def test_validate_measures_a_checkpoint(straight, capsys):
    root, _ = straight
    logged = ("validation", "logs", "tensorboard")
    before = {path: path.read_bytes() for name in logged for path in (root / name).rglob("*") if path.is_file()}
    config = ["--config", str(CONFIGS / "quickstart.yaml"), f"--trainer.default_root_dir={root}"]
    main(["validate", *config, *SMALL, f"--ckpt_path={root}/checkpoints/last.ckpt"])
    printed = capsys.readouterr().out
    summary = json.loads((root / "summary.json").read_text())
    assert summary["epochs"] == 3  # untouched
    after = {path: path.read_bytes() for name in logged for path in (root / name).rglob("*") if path.is_file()}
    assert before == after  # the step of the checkpoint is not known to Lightning: it would be logged as step 0
    assert "val/bare/hard" in printed and "val/templated/hard" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model.model=/no/such/folder"], "'/no/such/folder' does not exist"),
        (["--model.model=no-such/model"], "'no-such/model' could not be loaded"),
        (["--data.num_generations=1"], "num_generations must be at least 2"),
        (["--data.tau=7"], "tau must be between 1"),
        (["--model.max_prompt_length=5"], "the prompt has .* tokens, model.max_prompt_length is 5"),
        (["--model.max_completion_length=100000"], "do not fit into the window of 2048 tokens"),
        (["--model.temperature=0"], "temperature must be above 0"),
        (["--trainer.default_root_dir=/proc/no"], "'/proc/no' is not"),
        (["--ckpt_path=/no/such.ckpt"], "/no/such.ckpt"),
        (["--trainer.max_epoch=3"], "max_epoch"),
        (["--model.context=Maskd"], "Maskd"),
        (["--data.taus=3"], "taus"),
        (  # known before the first epoch is spent
            ["--evolution.reflector=SelfReflector", "--evolution.reflector.opening=```", "--trainer.max_epochs=2"],
            r"max_reply_length below the window of 2048 tokens, got 2048 and an opening of \d+",
        ),
    ],
)
def test_bad_input_is_one_message(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        fit(tmp_path, 1, *options)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert "Traceback" not in error
    assert not (tmp_path / "summary.json").exists() and not list(tmp_path.rglob("*.ckpt"))


def test_a_checkpoint_of_other_questions_is_refused(straight, tmp_path, capsys):
    before = {path: path.read_bytes() for path in straight[0].rglob("*") if path.is_file()}
    with pytest.raises(SystemExit):
        fit(straight[0], 4, "--data.train.init_args.hard=6", "--ckpt_path=last")
    assert "belongs to another config" in capsys.readouterr().err
    for path, content in before.items():
        assert path.read_bytes() == content


def test_a_checkpoint_of_another_model_is_refused(straight, tiny_model, tmp_path, capsys):
    with pytest.raises(SystemExit):
        fit(
            tmp_path,
            4,
            f"--model.model={tiny_model}",
            f"--ckpt_path={straight[0]}/checkpoints/last.ckpt",
        )
    said = capsys.readouterr().err
    assert "belongs to another config" in said and "model.model: 'p2o/micro-policy' -> " in said


def test_a_truncated_checkpoint_is_refused(straight, tmp_path, capsys):
    whole = straight[0] / "checkpoints" / "last.ckpt"
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(SystemExit):
        fit(tmp_path / "run", 4, f"--ckpt_path={cut}")
    assert str(cut) in capsys.readouterr().err


def test_a_model_without_chat_template_is_refused(tiny_model, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(SystemExit):
        fit(tmp_path, 1, f"--model.model={folder}")
    assert "has no chat template" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_last_whole_epoch(two, tmp_path):
    """A real process, killed in the second epoch, and started again by the same command."""
    options = [f"--trainer.default_root_dir={tmp_path}", *SMALL, "--trainer.max_epochs=2", "--ckpt_path=last"]
    command = ["fit", "--config", str(CONFIGS / "quickstart.yaml"), *options]
    process = start(main, command)
    while not (tmp_path / "checkpoints" / "last.ckpt").exists():
        assert process.is_alive(), "it ended before its first checkpoint"
        time.sleep(0.01)
    process.kill()
    process.join()
    assert last(tmp_path)["epoch"] == 0
    main(command)
    assert differences(state(two[1]), state(last(tmp_path))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"train.jsonl: expected"),
        ("", r"train.jsonl: expected questions"),
        ('{"question": "1+1?", "answer": "2"}\n{"question": "2+2?"}\n', r"train.jsonl:2: expected a column 'answer'"),
        ('{"question": " ", "answer": "2"}\n', r"train.jsonl:1: expected a text in column 'question', got an empty"),
        ('{"question": "1+1?", "answer": "2"}\n{"question": ', r"train.jsonl:2"),
        ('{"question": "1+1?", "answer": "\\\\frac{"}\n', r"train.jsonl:1 .*can never be matched"),
        ('{"question": "<|end|>?", "answer": "2"}\n', r"train.jsonl:1 .*special token"),
        (json.dumps({"question": "x" * 100_000, "answer": "2"}), r"train.jsonl:1 .*the prompt has \d+ tokens"),
    ],
)
def test_bad_data_is_named_by_file_and_line(tmp_path, capsys, content, message):
    path = tmp_path / "train.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    config = ["--config", str(CONFIGS / "quickstart.yaml"), f"--trainer.default_root_dir={tmp_path / 'run'}"]
    with pytest.raises(SystemExit) as stop:
        main(["fit", *config, "--data.train=QuestionFile", f"--data.train.path={path}"])
    assert stop.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_awkward_questions_and_templates_run_unharmed(tmp_path):
    awkward = [
        "{x} {{0}} %s",
        "\\boxed{1} \\n",
        "```\ncode\n```",
        "<think>a</think>",
        "日本語 🙂",
        "<curr_param> <side_info>",
    ]
    path = tmp_path / "train.jsonl"
    rows = [{"question": text, "answer": "7"} for text in awkward]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    checkpoint = fit(
        tmp_path / "run",
        2,
        "--data.train=QuestionFile",
        f"--data.train.path={path}",
        f"--evolution.reflector.templates={json.dumps(awkward, ensure_ascii=False)}",
        "--evolution.min_hard_set=2",
        "--model.max_completion_length=16",
    )
    [report] = checkpoint["callbacks"]["TemplateEvolution"]["reports"]
    assert report["spent"] > 0 and report["rejections"].keys() <= {"already tried", "proposed twice at once"}
