"""Mining in whole runs through the command line."""

import json
from collections import Counter
from pathlib import Path

import torch

from p2o.cli.main import main
from p2o.run_folder.question_tables import read_questions

CONFIG = Path(__file__).parent.parent.parent / "configs" / "quickstart.yaml"


def fit(root, model, *options):
    main(
        [
            "fit",
            f"--config={CONFIG}",
            f"--trainer.default_root_dir={root}",
            "--trainer.enable_progress_bar=false",
            f"--model.model={model}",
            "--model.max_prompt_length=400",
            "--model.max_completion_length=4",
            "--data.train.init_args.easy=2",
            "--data.train.init_args.hard=3",
            "--data.validation.init_args.easy=1",
            "--data.validation.init_args.hard=1",
            "--data.batch_size=2",
            "--evolution.budget=0",
            *options,
        ]
    )


def test_what_is_stored_is_what_the_run_did(tmp_path, tiny_model):
    fit(tmp_path, tiny_model, "--trainer.max_epochs=2")
    folder = tmp_path / "questions"
    epochs = [read_questions(path) for path in sorted(folder.glob("epoch-*.parquet"))]
    assert [len({record.id for record in records}) for records in epochs] == [5, 5]
    assert all(len(record.outcomes) == len(record.templates) == 6 for records in epochs for record in records)
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    hard = checkpoint["MixtureDataModule"]["hard_set"]["hard"]
    assert sorted(record.id for record in epochs[1] if record.hard) == hard
    [_, last] = json.loads((folder / "summary.json").read_text())["epochs"]
    assert last["outcomes"] == dict(Counter(o for record in epochs[1] for o in record.outcomes).most_common())
    assert last["hard_set"]["stayed"] + last["hard_set"]["entered"] == len(hard)


def test_a_resumed_run_continues_the_record(tmp_path, tiny_model):
    fit(tmp_path, tiny_model, "--trainer.max_epochs=1")
    first = (tmp_path / "questions" / "epoch-0000.parquet").read_bytes()
    fit(tmp_path, tiny_model, "--trainer.max_epochs=2", "--ckpt_path=last")
    assert (tmp_path / "questions" / "epoch-0000.parquet").read_bytes() == first
    epochs = json.loads((tmp_path / "questions" / "summary.json").read_text())["epochs"]
    assert [entry["epoch"] for entry in epochs] == [0, 1]


def test_a_trial_of_some_batches_leaves_nothing_behind(tmp_path, tiny_model, capsys, caplog):
    trial = ("--trainer.fast_dev_run=1", "--fixed_questions.questions=2", "--evolution_log.epochs=5")
    fit(tmp_path, tiny_model, *trial)
    assert [path.name for path in tmp_path.rglob("*")] == [".run.lock"]
    said = capsys.readouterr().err + caplog.text
    assert "nothing of it is kept" in said and "p2o export" not in said and "summary.json" not in said
    fit(tmp_path, tiny_model, "--trainer.max_epochs=1")
    assert (tmp_path / "summary.json").exists()


def test_a_sanity_check_is_no_validation_of_an_epoch(tmp_path, tiny_model):
    rare = ("--trainer.num_sanity_val_steps=1", "--trainer.check_val_every_n_epoch=2", "--trainer.max_epochs=2")
    fit(tmp_path, tiny_model, *rare)
    for folder, name in (("validation", "epoch"), ("rollouts", "validation-epoch")):
        assert [path.name for path in (tmp_path / folder).glob(f"{name}-*")] == [f"{name}-0001.parquet"]
    first, second = json.loads((tmp_path / "summary.json").read_text())["history"]
    assert first == {"bare": None, "templated": None} and second["bare"] is not None
