"""Progress and samples of a whole run."""

import re
from pathlib import Path

import pytest

from p2o.cli.main import main
from p2o.progress import show

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
OPTIONS = [
    "--data.train.init_args.easy=2",
    "--data.train.init_args.hard=6",
    "--data.validation.init_args.easy=2",
    "--data.validation.init_args.hard=2",
    "--data.batch_size=4",
    "--data.tau=6",
    "--evolution.reflector=StaticReflector",
    '--evolution.reflector.templates=["Go through the chain step by step."]',
    "--evolution.budget=15",
    "--evolution.min_hard_set=2",
    "--trainer.max_epochs=2",
    "--progress.style=lines",
    "--progress.seconds=0",
    "--console_samples.every=2",
]


@pytest.fixture
def said(tmp_path, capsys, caplog):
    main(["fit", "--config", str(CONFIG), f"--trainer.default_root_dir={tmp_path}", *OPTIONS])
    show("auto")
    return capsys.readouterr().err + caplog.text


def test_every_level_is_named_and_a_sample_is_shown(said):
    for level in [
        r"^epoch 0 0/4 steps › rollouts 24/24 rollouts",
        r"^epoch 1 .* › update 1/1 micro-batches",
        r"^epoch 0 .* › validation 0/1 batches › rollouts 4/4 rollouts",
        r"^epoch 0 2/4 steps .* › evolution \d/15 rollouts .* › iteration 1 › parents \d+/\d+ rollouts",
        r"^epoch 1 3/4 steps .*left",
        r"--- epoch 0, batch 0, question 'train-\w+-0-\d+': (correct|wrong|no_answer|truncated), read '",
    ]:
        assert re.search(level, said, re.MULTILINE), level
    assert re.search(r"^epoch 0 2/4 steps .*hard \d of 8 asked › evolution", said, re.MULTILINE)  # all of them
    assert not re.search(r"^epoch 0 1/4 steps .*of 0 asked", said, re.MULTILINE)
    assert "\r" not in said and "\x1b" not in said
