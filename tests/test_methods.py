"""Methods with a control flow of their own, in short real runs through the command line; resume is bitwise."""

import json
from pathlib import Path

import pytest
import torch

from p2o.cli import main
from p2o.mining.callback import read_epoch
from test_fit import SMALL, differences, state

CONFIGS = Path(__file__).parent.parent / "configs"
TINY = [*SMALL, "--data.train.init_args.easy=4", "--data.train.init_args.hard=4", "--data.batch_size=4", "--data.tau=2"]
WITH_SIGNAL = "--model.temperature=1.5"  # easy questions go wrong now and then


def run(subcommand, name, root, *options):
    configs = [f"--config={CONFIGS / 'quickstart.yaml'}", f"--config={CONFIGS / 'methods' / f'{name}.yaml'}"]
    main([subcommand, *configs, *TINY, f"--trainer.default_root_dir={root}", *options])


def fit(name, root, epochs, *options):
    off = ["--evolution.budget=0"] if name != "single_turn" else []
    run("fit", name, root, *off, f"--trainer.max_epochs={epochs}", *options)
    return torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("name", ["dapo", "exploration_historical", "teacher_sft"])
def test_resume_is_bitwise(name, tmp_path):
    straight = fit(name, tmp_path / "straight", 2, WITH_SIGNAL)
    fit(name, tmp_path / "resumed", 1, WITH_SIGNAL)
    resumed = fit(name, tmp_path / "resumed", 2, WITH_SIGNAL, "--ckpt_path=last")
    assert differences(state(straight), state(resumed)) == []
    check = {"dapo": check_dapo, "exploration_historical": check_exploration, "teacher_sft": check_teacher}[name]
    check(straight["p2o"], json.loads((tmp_path / "straight" / "summary.json").read_text()), tmp_path / "straight")


def test_a_step_without_signal_is_a_step_after_a_validation_too(tmp_path):
    """Nothing is learnt from right easy and wrong hard questions, but AdamW moves on in every step."""
    checkpoint = fit("grpo", tmp_path, 2, "--model.temperature=0.01")
    steps = {float(entry["step"]) for entry in checkpoint["optimizer_states"][0]["state"].values()}
    assert steps == {checkpoint["global_step"]} == {4}


def check_dapo(kept, summary, root):
    """More was rolled out than the 2 epochs of 8 questions; all of it was counted and mined."""
    assert summary["rollouts"]["train"] > 2 * 8 * 6
    records = [record for path in sorted((root / "mining").glob("*.parquet")) for record in read_epoch(path)]
    mined = [len(record.outcomes) for record in records]
    assert any(0 < record.correct < len(record.outcomes) for record in records)
    assert sum(mined) == summary["rollouts"]["train"] and {count % 6 for count in mined} == {0}


def check_exploration(kept, summary, root):
    """Every rollout left a count."""
    counts = kept["exploration"]["counts"]
    assert len(counts) == 8 and sum(n for answers in counts.values() for n in answers.values()) == 2 * 8 * 6


def check_teacher(kept, summary, root):
    """Two completions a question, asked for once, and none of the policy's own."""
    assert summary["rollouts"]["teacher"] == 8 * 2 and summary["rollouts"]["train"] == 0
    assert len(kept["sampler"]["completions"]) == 8


def test_single_turn_reflects_on_the_bare_question_alone(tmp_path):
    checkpoint = fit("single_turn", tmp_path, 2, "--evolution.budget=60", "--evolution.width=2", "--data.tau=6")
    [report] = checkpoint["callbacks"]["TemplateEvolution"]["reports"]
    assert report["pool"] >= 1 and report["spent"] > 0


def test_the_best_template_at_inference_time(tmp_path, capsys):
    """`p2o test` asks under the best template of the checkpoint, and says so."""
    options = ["--evolution.budget=40", "--data.tau=6", "--evolution.dev_size=4"]
    run("fit", "inference_prompt", tmp_path, *options, "--trainer.max_epochs=2")
    run("test", "inference_prompt", tmp_path, "--ckpt_path=last")
    results = json.loads((tmp_path / "evaluation" / "results.json").read_text())
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    [best] = checkpoint["MixtureDataModule"]["best_template"]["templates"]
    assert results["template"] == best["text"] != ""
    with pytest.raises(SystemExit):  # a model without a checkpoint has no template
        run("test", "inference_prompt", tmp_path / "none")
    assert "expected a checkpoint whose evolution found a template" in capsys.readouterr().err


def test_the_state_of_another_part_is_refused(tmp_path, capsys):
    fit("exploration_batch", tmp_path, 1)
    with pytest.raises(SystemExit):
        fit("exploration_historical", tmp_path, 2, "--ckpt_path=last")
    assert "model.exploration is HistoricalBonus" in capsys.readouterr().err
