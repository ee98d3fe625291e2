"""A small `p2o fit` of the quickstart in this process."""

import csv
from pathlib import Path

from p2o.cli.main import main

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def fit(root: Path, *options: str) -> None:
    main(
        [
            "fit",
            f"--config={CONFIG}",
            f"--trainer.default_root_dir={root}",
            "--trainer.max_epochs=1",
            "--trainer.limit_train_batches=2",
            "--trainer.limit_val_batches=0",
            "--trainer.enable_progress_bar=false",
            "--data.train.init_args.easy=4",
            "--data.train.init_args.hard=4",
            "--data.batch_size=4",
            "--model.mini_batch_size=2",
            "--model.max_completion_length=24",
            "--evolution.budget=0",
            "--fixed_questions.questions=0",
            *options,
        ]
    )


def logged(root: Path, name: str) -> list[float]:
    with (root / "logs" / "version_0" / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]
