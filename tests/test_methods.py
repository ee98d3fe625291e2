"""Methods with a control flow of their own, in short real runs through the command line; resume is bitwise."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from p2o.cli.main import main
from p2o.policy.loading import BUNDLED, load_policy
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


@pytest.mark.slow
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


EVOLVED = [  # finds the template that solves the hard questions
    WITH_SIGNAL,
    "--data.train.init_args.easy=2",
    "--data.train.init_args.hard=6",
    "--data.batch_size=4",
    "--model.mini_batch_size=4",
    "--evolution.budget=30",
    "--fixed_questions.questions=0",
]


def evolved(methods, root, epochs, *options):
    """A short real fit with evolution; its last checkpoint and what it logged."""
    run("fit", methods, root, *EVOLVED, f"--trainer.max_epochs={epochs}", *options)
    with (root / "logs" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(math.isfinite(float(row["policy/loss"])) for row in rows if row["policy/loss"])
    return torch.load(root / "checkpoints" / "last.ckpt", weights_only=True), rows


def logged(rows, name):
    return [float(row[name]) for row in rows if row.get(name)]


def test_distillation_alone_trains_by_the_divergence_from_the_templated_policy(tmp_path):
    """Two steps an epoch, of which those of the first have no template to learn from."""
    _, rows = evolved(["opcd"], tmp_path, 2)
    assert len(logged(rows, "policy/context_kl")) == 2 and logged(rows, "policy/context_kl")[0] != 0
    assert logged(rows, "policy/steps_without_gradient") == [1, 1, 0, 0]
    assert all(loss > 0 for loss in logged(rows, "policy/loss")[2:])
    assert logged(rows, "train/templated_epoch") == [0, 0]


@pytest.mark.slow
def test_fast_slow_training_is_judged_under_its_templates_and_bare(tmp_path):
    """In phases of half of the questions; its distillation, and weights by reliance, resume bitwise."""
    methods, options = ["fst_reverse_kl", "reliance"], ["--data.questions_per_epoch=4"]
    straight, rows = evolved(methods, tmp_path / "straight", 3, *options)
    assert len(logged(rows, "val/bare/hard")) == 3
    assert len(logged(rows, "val/templated/hard")) == 2  # since there is a template
    history = json.loads((tmp_path / "straight" / "summary.json").read_text())["history"]
    assert all(history[-1][context] for context in ("bare", "templated"))  # what p2o report and p2o compare read
    uses = [use for uses in straight["MixtureDataModule"]["template_use"]["last"].values() for use in uses]
    assert uses and all(math.isfinite(use["gap"]) and -1 <= use["gain"] <= 1 for use in uses)
    assert len(straight["MixtureDataModule"]["hard_set"]["asked"]) == 4
    evolved(methods, tmp_path / "resumed", 2, *options)
    run("fit", methods, tmp_path / "resumed", *EVOLVED, *options, "--trainer.max_epochs=3", "--ckpt_path=last")
    resumed = torch.load(tmp_path / "resumed" / "checkpoints" / "last.ckpt", weights_only=True)
    assert differences(state(straight), state(resumed)) == []


@pytest.mark.slow
def test_templates_are_annealed_and_withdrawn(tmp_path):
    options = ["--data.bare_rollouts.init_args.until=2"]
    _, rows = evolved(["withdrawal", "annealing"], tmp_path, 3, *options)
    assert logged(rows, "train/templated_epoch")[0] == logged(rows, "train/templated_epoch")[2] == 0
    assert logged(rows, "train/templated_epoch")[1] > 0


def test_easy_questions_are_mixed_in(tmp_path):
    """Easy is what was solved twice when it was last asked; of the six, four are easy indeed."""
    options = ["--data.questions_per_epoch=3", "--trainer.max_epochs=3"]
    run("fit", ["easy_mixing"], tmp_path, "--model.temperature=0.01", *options)
    solved: set[str] = set()
    for epoch, path in enumerate(sorted((tmp_path / "questions").glob("*.parquet"))):
        records = read_questions(path)
        easy = [record.id for record in records if record.id in solved]
        assert len(records) == 3 and len(easy) == (2 if epoch else 0)  # half of 3, rounded to even
        solved = solved - {r.id for r in records} | {r.id for r in records if r.correct >= 2}


@pytest.mark.slow
def test_questions_that_nobody_solves_are_hinted(tmp_path):
    """Under the hint the policy solves them; one failure of each group stays, five make room. Resume is bitwise."""
    hint = "Go through the chain step by step."
    options = ["--model.sampler.init_args.reflector=StaticReflector", "--evolution.budget=0"]
    options.append(f"--model.sampler.init_args.reflector.init_args.templates={json.dumps([hint] * 99)}")
    straight, rows = evolved(["self_hints"], tmp_path / "straight", 2, *options)
    hints = straight["p2o"]["sampler"]["hints"]
    assert hints and set(hints.values()) == {hint}
    counts = json.loads((tmp_path / "straight" / "summary.json").read_text())["rollouts"]
    assert counts["hints"] >= len(hints) and (counts["train"] - 2 * 8 * K) % (K - 1) == 0 < counts["train"] - 2 * 8 * K
    assert max(logged(rows, "train/accuracy_templated")) > max(logged(rows, "train/accuracy_bare"))
    evolved(["self_hints"], tmp_path / "resumed", 1, *options)
    resumed, _ = evolved(["self_hints"], tmp_path / "resumed", 2, *options, "--ckpt_path=last")
    assert differences(state(straight), state(resumed)) == []


@pytest.mark.slow
def test_hints_are_tried_from_the_least_on(tmp_path):
    """The first tier is of no use, the second is whole at its second part; an epoch goes without. Resume is bitwise."""
    hints = ["Hm.", "Go through the chain step by step."]
    tiers = [{"class_path": "StaticReflector", "init_args": {"templates": [hint] * 99}} for hint in hints]
    options = [f"--model.sampler.init_args.tiers={json.dumps(tiers)}", "--model.sampler.init_args.increments=2"]
    straight, rows = evolved(["scaffolded_hints"], tmp_path / "straight", 2, *options)
    assert [set(tier["hints"].values()) for tier in straight["p2o"]["sampler"]["tiers"]] == [{hint} for hint in hints]
    shares = [logged(rows, f"train/accuracy_{context}") for context in ("bare", "templated")]
    assert max(shares[1]) > max(shares[0])
    evolved(["scaffolded_hints"], tmp_path / "resumed", 1, *options)
    resumed, _ = evolved(["scaffolded_hints"], tmp_path / "resumed", 2, *options, "--ckpt_path=last")
    assert differences(state(straight), state(resumed)) == []


def test_a_moving_average_guides_and_resumes_bitwise(tmp_path):
    """Its weights are in the checkpoint; one that has none is another config's."""
    average = "--model.regularizers=[{class_path: ReverseContextKL, init_args: {weights: average, decay: 0.9}}]"
    straight, rows = evolved(["opcd"], tmp_path / "straight", 3, average)
    kept, weights = straight["p2o"]["average_policy"]["weights"], straight["state_dict"]
    assert logged(rows, "policy/context_kl")
    start = dict(load_policy(BUNDLED).named_parameters())
    assert any(not torch.equal(kept[name], weights[f"policy.{name}"]) for name in kept)
    assert any(not torch.equal(kept[name], start[name]) for name in kept)
    evolved(["opcd"], tmp_path / "resumed", 2, average)
    resumed, _ = evolved(["opcd"], tmp_path / "resumed", 3, average, "--ckpt_path=last")
    assert differences(state(straight), state(resumed)) == []
    plain, _ = evolved(["opcd"], tmp_path / "plain", 2)
    assert plain["p2o"]["average_policy"] == {}
    with pytest.raises(SystemExit):
        evolved(["opcd"], tmp_path / "plain", 3, average, "--ckpt_path=last")


def test_a_regularizer_that_would_never_act_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("fit", ["p2o_opcd"], tmp_path, "--data.bare_rollouts=0")
    assert "ReverseContextKL compares bare rollouts" in capsys.readouterr().err


def test_a_step_without_gradient_is_a_step_after_a_validation_too(tmp_path):
    """Nothing is learnt from right easy and wrong hard questions, but AdamW moves on in every step, if it is to."""
    checkpoint = fit(["grpo"], tmp_path, 2, "--model.temperature=0.01", "--model.step_without_gradient=true")
    steps = {float(entry["step"]) for entry in checkpoint["optimizer_states"][0]["state"].values()}
    assert steps == {checkpoint["global_step"]} == {4}


def test_epochs_without_a_gradient_are_counted_and_kept(tmp_path):
    checkpoint = fit(["grpo"], tmp_path, 2, "--model.temperature=0.01")
    assert checkpoint["optimizer_states"][0]["state"] == {} and checkpoint["global_step"] == 4
    assert checkpoint["epoch"] == 1  # saved after each of them


@pytest.mark.slow
def test_single_turn_reflection_and_its_best_template_at_inference_time(tmp_path, capsys):
    """`p2o test` asks under the best template of the checkpoint, and says so."""
    methods = ["single_turn", "inference_prompt"]
    data = "--data.train.init_args.hard=6"
    options = ["--evolution.budget=30", "--evolution.width=2", "--trainer.max_epochs=2"]
    run("fit", methods, tmp_path, data, *options)
    run("test", methods, tmp_path, data, "--ckpt_path=last")
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
