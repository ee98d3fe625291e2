"""Methods with a control flow of their own, in short real runs through the command line; resume is bitwise."""

import csv
import json
from pathlib import Path

import pytest
import torch

from p2o.cli.main import main
from p2o.run_folder.question_tables import read_questions
from test_fit import SMALL, differences, state

CONFIGS = Path(__file__).parent.parent / "configs"
TINY = [
    *SMALL,
    "--data.train.init_args.easy=4",
    "--data.train.init_args.hard=2",
    "--data.batch_size=3",
    "--model.mini_batch_size=3",
]
QUESTIONS, K = 6, 6
WITH_SIGNAL = "--model.temperature=1.5"  # easy questions go wrong now and then
ADDED = [  # to the loss
    "--model.regularizers=[{class_path: ReferenceKL}, {class_path: EntropyBonus}]",
    "--model.correction=TruncatedImportance",
]


def run(subcommand, methods, root, *options):
    overlays = [f"--config={CONFIGS / 'methods' / f'{name}.yaml'}" for name in methods]
    configs = [f"--config={CONFIGS / 'quickstart.yaml'}", *overlays]
    main([subcommand, *configs, *TINY, f"--trainer.default_root_dir={root}", *options])


def fit(methods, root, epochs, *options):
    run("fit", methods, root, "--evolution.budget=0", "--data.tau=2", f"--trainer.max_epochs={epochs}", *options)
    return torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("methods", [["dapo", "exploration_historical"], ["teacher_sft"]], ids="+".join)
def test_resume_is_bitwise(methods, tmp_path):
    options = [WITH_SIGNAL, *(ADDED if "dapo" in methods else [])]
    straight = fit(methods, tmp_path / "straight", 2, *options)
    fit(methods, tmp_path / "resumed", 1, *options)
    resumed = fit(methods, tmp_path / "resumed", 2, *options, "--ckpt_path=last")
    assert differences(state(straight), state(resumed)) == []
    summary = json.loads((tmp_path / "straight" / "summary.json").read_text())
    for name in methods:
        CHECKS[name](straight["p2o"], summary["rollouts"], tmp_path / "straight")


def check_dapo(kept, rollouts, root):
    """More was rolled out than each question once an epoch; all of it was counted and mined."""
    assert rollouts["train"] > 2 * QUESTIONS * K
    records = [record for path in sorted((root / "questions").glob("*.parquet")) for record in read_questions(path)]
    mined = [len(record.outcomes) for record in records]
    assert any(0 < record.correct < len(record.outcomes) for record in records)
    assert sum(mined) == rollouts["train"] and {count % K for count in mined} == {0}
    with (root / "logs" / "version_0" / "metrics.csv").open() as file:
        logged = [row for row in csv.DictReader(file) if row["sampling_logp_difference/mean"]]
    assert logged and all(
        0 <= float(row["sampling_logp_difference/mean"]) <= float(row["sampling_logp_difference/max"]) < 1e-3
        for row in logged
    )


def check_exploration(kept, rollouts, root):
    """Every rollout left a count."""
    counts = kept["exploration"]["counts"]
    assert len(counts) == QUESTIONS
    assert sum(n for answers in counts.values() for n in answers.values()) == rollouts["train"]


def check_teacher(kept, rollouts, root):
    """Two completions a question, asked for once, and none of the policy's own."""
    assert rollouts["teacher"] == QUESTIONS * 2 and rollouts["train"] == 0
    assert len(kept["sampler"]["completions"]) == QUESTIONS


CHECKS = {"dapo": check_dapo, "exploration_historical": check_exploration, "teacher_sft": check_teacher}


def test_a_step_without_gradient_is_a_step_after_a_validation_too(tmp_path):
    """Nothing is learnt from right easy and wrong hard questions, but AdamW moves on in every step, if it is to."""
    checkpoint = fit(["grpo"], tmp_path, 2, "--model.temperature=0.01", "--model.step_without_gradient=true")
    steps = {float(entry["step"]) for entry in checkpoint["optimizer_states"][0]["state"].values()}
    assert steps == {checkpoint["global_step"]} == {4}


def test_epochs_without_a_gradient_are_counted_and_kept(tmp_path):
    checkpoint = fit(["grpo"], tmp_path, 2, "--model.temperature=0.01")
    assert checkpoint["optimizer_states"][0]["state"] == {} and checkpoint["global_step"] == 4
    assert checkpoint["epoch"] == 1  # saved after each of them


def test_single_turn_reflection_and_its_best_template_at_inference_time(tmp_path, capsys):
    """`p2o test` asks under the best template of the checkpoint, and says so."""
    methods = ["single_turn", "inference_prompt"]
    options = [
        "--data.train.init_args.hard=6",
        "--evolution.budget=30",
        "--evolution.width=2",
        "--trainer.max_epochs=2",
    ]
    run("fit", methods, tmp_path, *options)
    run("test", methods, tmp_path, "--ckpt_path=last")
    results = json.loads((tmp_path / "benchmarks" / "results.json").read_text())
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    [best] = checkpoint["MixtureDataModule"]["best_template"]["templates"]
    assert results["template"] == best["text"] != ""
    with pytest.raises(SystemExit):  # a model without a checkpoint has no template
        run("test", methods, tmp_path / "none")
    assert "expected a checkpoint whose evolution found a template" in capsys.readouterr().err


def test_the_state_of_another_part_is_refused(tmp_path, capsys):
    fit(["exploration_batch"], tmp_path, 1)
    with pytest.raises(SystemExit):
        fit(["exploration_historical"], tmp_path, 2, "--ckpt_path=last")
    assert "model.exploration is HistoricalBonus" in capsys.readouterr().err
