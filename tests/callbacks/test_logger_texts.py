"""What TensorBoard and W&B are sent: a real TensorBoard, and a stub of W&B's logger, whose package is not there."""

from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from factories import rollout
from p2o.callbacks.logger_texts import COMPLETIONS, LoggerTexts, config_as_hyperparameters


class StubWandb(WandbLogger):
    """Keeps what W&B would be sent."""

    def __init__(self):
        self.tables, self.config = [], {}

    def log_table(self, key, columns=None, data=None, dataframe=None, step=None):
        self.tables.append((key, columns, data, step))

    def log_hyperparams(self, params):
        self.config = params


@pytest.fixture
def trainer(tmp_path):
    loggers = [StubWandb(), TensorBoardLogger(tmp_path, "tensorboard")]
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(_batches_that_stepped=7))
    return SimpleNamespace(loggers=loggers, fit_loop=loop, is_global_zero=True, default_root_dir=tmp_path)


def texts(trainer):
    board = trainer.loggers[1]
    board.experiment.flush()
    events = EventAccumulator(board.log_dir).Reload()
    tags = events.Tags()["tensors"]
    return {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags if "text_summary" in tag}


def test_completions_of_the_first_batch_are_sent(trainer):
    rollouts = [rollout(True, "z\nz", 0), rollout(False, "", 1), rollout(True, "", 2)]
    callback = LoggerTexts(completions=2)
    for batch in (0, 1):
        callback.on_train_batch_end(trainer, None, {"rollouts": rollouts}, None, batch)
    [(name, columns, rows, step)] = trainer.loggers[0].tables
    assert (name, columns, step) == ("completions", list(COMPLETIONS), 7)
    assert [row[1] for row in rows] == ["z\nz", ""] and rows[0][3:5] == ["correct", 1.0]
    [shown] = texts(trainer).values()
    assert "template:\n\n        z\n        z" in shown and "outcome:\n\n        wrong" in shown


def test_the_config_is_sent_without_loggers(trainer):
    config = {
        "seed_everything": 0,
        "trainer": {"logger": None, "max_epochs": 2},
        "model": {"lr": 1e-4},
        "config": ["a"],
    }
    config_as_hyperparameters(trainer, config)
    sent = trainer.loggers[0].config
    assert sent["trainer"] == {"max_epochs": 2} and sent["model"] == {"lr": 1e-4} and "config" not in sent


@pytest.mark.parametrize("callback", [LoggerTexts(enabled=False), LoggerTexts(completions=0)])
def test_it_can_be_switched_off(trainer, callback):
    callback.on_train_batch_end(trainer, None, {"rollouts": [rollout(True)]}, None, 0)
    assert trainer.loggers[0].tables == []
