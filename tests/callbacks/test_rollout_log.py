"""The rollout log with a whole epoch of groups, without a Trainer."""

import time
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import pytest
from lightning.pytorch.trainer.states import TrainerFn

from factories import question, rollout
from p2o.callbacks.rollout_log import RolloutLog
from p2o.io.tables import read_rows
from p2o.run_folder.paths import RunPaths


@pytest.fixture
def trainer(tmp_path):
    """What the log asks of a Trainer: a stub, since thousands of steps are to pass in a second."""

    def of(count):
        data = SimpleNamespace(train_questions=[question(n) for n in range(count)], validation_questions=[])
        return SimpleNamespace(
            datamodule=data,
            current_epoch=0,
            is_global_zero=True,
            default_root_dir=tmp_path,
            state=SimpleNamespace(fn=TrainerFn.FITTING),
            sanity_checking=False,
            fast_dev_run=False,
        )

    return of


def steps(log, trainer, groups):
    log.on_fit_start(trainer, None)
    log.on_train_epoch_start(trainer, None)
    for number, group in enumerate(groups):
        log.on_train_batch_end(trainer, None, {"groups": [group]}, None, number)


@pytest.fixture(autouse=True)
def mixture(monkeypatch):
    monkeypatch.setattr("p2o.callbacks.rollout_log.mixture_of", lambda trainer: trainer.datamodule)


def groups_of(count):
    return ([replace(rollout(k == 0, number=n), text=f"{n} {k} " * 200) for k in range(4)] for n in range(count))


def seconds(trainer, count):
    log, started = RolloutLog(train=-1), time.process_time()  # of the processor: others may be busy
    steps(log, trainer(count), groups_of(count))
    log.on_exception(None, None, KeyboardInterrupt())
    return time.process_time() - started


def test_twice_the_groups_take_twice_the_time(trainer):
    """Searching all rows for each group took 4 times as long for twice the groups, and 10 s for 4,000 of them."""
    small, large = (min(seconds(trainer, count) for _ in range(3)) for count in (500, 2000))
    assert large < 8 * small  # four times the groups; it was sixteen times the time


def test_texts_wait_in_a_file(trainer, tmp_path):
    log, run = RolloutLog(train=-1), trainer(2000)
    tracemalloc.start()
    steps(log, run, groups_of(2000))  # 16 MB of texts
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6
    log.on_train_epoch_end(run, None)
    path = RunPaths(tmp_path).rollouts("train", 0)
    found = [row for _, row in read_rows(path)]
    assert len(found) == 8000 and found[0]["completion"] == "0 0 " * 200
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)
    log.on_train_end(run, None)
    assert [path.name for path in path.parent.iterdir()] == [path.name]  # the temporary file is gone


def test_a_question_that_is_asked_again_goes_on_counting(trainer, tmp_path):
    log, run = RolloutLog(train=1), trainer(1)
    steps(log, run, [[rollout(True)] * 2, [rollout(False)] * 2])
    log.on_train_epoch_end(run, None)
    found = [row for _, row in read_rows(RunPaths(tmp_path).rollouts("train", 0))]
    assert [(row["sample"], row["outcome"]) for row in found] == [
        (0, "correct"), (1, "correct"), (2, "wrong"), (3, "wrong")
    ]  # fmt: skip


@pytest.mark.parametrize("log", [RolloutLog(enabled=False), RolloutLog(train=0, validation=0)])
def test_it_can_be_switched_off(trainer, tmp_path, log):
    run = trainer(3)
    steps(log, run, groups_of(3))
    log.on_train_epoch_end(run, None)
    assert not list(tmp_path.iterdir())


def test_an_epoch_that_breaks_off_goes_on_where_its_checkpoint_left_it(trainer, tmp_path):
    log, run, groups = RolloutLog(train=-1), trainer(3), list(groups_of(3))
    steps(log, run, groups[:1])
    state = log.state_dict()
    log.on_train_batch_end(run, None, {"groups": [groups[1]]}, None, 1)  # after the checkpoint
    log.on_exception(None, None, KeyboardInterrupt())
    other = RolloutLog(train=-1)
    other.load_state_dict(state)
    other.on_fit_start(run, None)
    other.on_train_start(run, None)
    for group in groups[1:]:
        other.on_train_batch_end(run, None, {"groups": [group]}, None, 1)
    other.on_train_epoch_end(run, None)
    rows = [row for _, row in read_rows(RunPaths(tmp_path).rollouts("train", 0))]
    assert [(row["id"], row["sample"]) for row in rows] == [(f"q{n}", k) for n in range(3) for k in range(4)]


def test_an_epoch_that_had_no_row_yet_goes_on_too(trainer, tmp_path):
    """Questions of the first steps need not be among those whose completions are kept."""
    log, run = RolloutLog(train=-1), trainer(3)
    steps(log, run, [])
    other = RolloutLog(train=-1)
    other.load_state_dict(log.state_dict())
    other.on_fit_start(run, None)
    other.on_train_start(run, None)
    other.on_train_batch_end(run, None, {"groups": list(groups_of(1))}, None, 1)
    other.on_train_epoch_end(run, None)
    assert RunPaths(tmp_path).rollouts("train", 0).exists()


def test_rows_that_are_gone_are_missed_aloud(trainer):
    log, run = RolloutLog(train=-1), trainer(3)
    log.load_state_dict({"asked": [{}], "size": 100})
    log.on_fit_start(run, None)
    with pytest.warns(UserWarning, match="will lack them"):
        log.on_train_start(run, None)


def test_the_first_and_the_latest_epochs_are_kept(trainer, tmp_path):
    log, run = RolloutLog(epochs=3), trainer(1)
    for run.current_epoch in range(6):
        steps(log, run, groups_of(1))
        log.on_train_epoch_end(run, None)
    log.on_train_end(run, None)
    kept = sorted(path.name for path in (tmp_path / "rollouts").iterdir())
    assert kept == [f"train-epoch-{number:04d}.parquet" for number in (0, 4, 5)]


def test_the_two_parts_choose_for_themselves_where_their_ids_are_the_same(trainer, tmp_path):
    log, stub = RolloutLog(train=0, validation=-1), trainer(5)
    stub.datamodule.validation_questions = [question(n) for n in range(3)]
    groups = [[rollout(True, number=n)] for n in range(5)]
    steps(log, stub, groups)
    log.on_validation_start(stub, None)
    log.on_validation_batch_end(stub, None, {"rollouts": {"bare": [group[0] for group in groups[:3]]}}, None, 0)
    log.on_validation_end(stub, None)
    log.on_train_epoch_end(stub, None)
    paths = RunPaths(tmp_path)
    assert not paths.rollouts("train", 0).exists()
    assert len(list(read_rows(paths.rollouts("validation", 0)))) == 3
