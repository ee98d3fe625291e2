"""A callback of one's own that stops the run in the middle of an epoch: the epoch is finished first."""

import json

import pytest
from lightning import Callback

import p2o
from quickstart_run import SMALL

OPTIONS = dict(option.removeprefix("--").split("=") for option in SMALL) | {"trainer.max_epochs": 3}
STOP = f"{__name__}.Stops"


class Stops(Callback):
    """The usual way of Lightning."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        trainer.should_stop |= batch_idx == 0


def test_the_epoch_is_finished_and_the_run_ends_with_it(tmp_path):
    with pytest.warns(UserWarning, match=r"should_stop after batch 0 of epoch 0.*2 batches.*SIGTERM"):
        trainer = p2o.fit(
            "p2o:quickstart", OPTIONS | {"trainer.callbacks": [STOP], "trainer.default_root_dir": tmp_path}
        )
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["finished"] and summary["epochs"] == 1
    assert summary["rollouts"]["train"] == 8 * 6  # two batches of four questions
    assert trainer.fit_loop.epoch_loop.batch_progress.current.completed == 2


def test_a_run_that_is_resumed_before_that_end_stops_there_as_well(tmp_path):
    options = OPTIONS | {"trainer.default_root_dir": tmp_path, "checkpoint.every_n_steps": 1}
    with pytest.warns(UserWarning, match="should_stop after batch 0"), pytest.raises(KeyError):
        p2o.fit("p2o:quickstart", options | {"trainer.callbacks": [STOP, f"{__name__}.Breaks"]})
    p2o.fit("p2o:quickstart", options | {"ckpt_path": "last"})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["finished"] and summary["epochs"] == 1


class Breaks(Callback):
    """Ends the process within the second batch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if batch_idx == 1:
            raise KeyError("a power cut")
