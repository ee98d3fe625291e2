"""A policy that collapses is told of while the run goes on; one with bad luck, or that has learnt all, is not."""

import dataclasses
import re

import pytest

from factories import rollout
from p2o.rollouts.collapse import WINDOW, CollapseWatch, batch_counts
from p2o.types import Completion
from quickstart_run import fit


def batch(correct, truncated=0, entropy=0.5, size=10):
    """`size` rollouts of two tokens each: the first ones correct, the last ones truncated."""
    logps = (-entropy - 0.001, -entropy + 0.001)
    return [
        dataclasses.replace(rollout(number < correct), completion=Completion((3, 4), number >= size - truncated, logps))
        for number in range(size)
    ]


def seen(watch, *batches):
    return [sign for each in batches for sign in watch.see(each)]


def test_counts_of_a_batch():
    counts = batch_counts(batch(3, truncated=4, entropy=0.25))
    assert (counts.completions, counts.correct, counts.truncated, counts.tokens) == (10, 3, 4, 20)
    assert counts.accuracy == 0.3 and counts.cut_off == 0.4 and counts.entropy == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (batch(4), batch(0), "no completion of the last 8 rollout batches is correct, where 40% were before"),
        (batch(4, truncated=3), batch(4, truncated=10), "cut off every completion .*, where it was 30% at the start"),
        (batch(4), batch(4, entropy=0.002), "entropy has fallen from 0.500 to 0.0020 nats a token"),
    ],
    ids=["reward", "truncated", "entropy"],
)
def test_each_collapse_is_told_once(good, bad, said):
    watch = CollapseWatch()
    assert seen(watch, *[good] * WINDOW, *[bad] * (WINDOW - 1)) == []
    [sign] = seen(watch, *[bad] * 5)
    assert re.search(said, sign)


@pytest.mark.parametrize(
    ("good", "other"),
    [
        (batch(0), batch(0)),  # it never knew anything
        (batch(4), batch(1)),  # it forgets, and not all
        (batch(4, truncated=10), batch(4, truncated=10)),  # a limit too low from the start
        (batch(4), batch(10, entropy=0.001)),  # it has learnt all
        (batch(4, entropy=0.005), batch(4, entropy=0.004)),  # it was that sure from the start
    ],
    ids=["never right", "worse", "always cut off", "saturated", "always sure"],
)
def test_what_is_no_collapse_is_not_told(good, other):
    assert seen(CollapseWatch(), *[good] * WINDOW, *[other] * 20) == []


def test_log_probabilities_that_are_missing_or_infinite_say_nothing_of_entropy():
    unknown = [dataclasses.replace(each, completion=Completion((3, 4), False)) for each in batch(4)]
    infinite = [dataclasses.replace(each, completion=Completion((3,), False, (float("-inf"),))) for each in batch(4)]
    assert seen(CollapseWatch(), *[batch(4)] * WINDOW, *[unknown] * WINDOW, *[infinite] * WINDOW) == []


def test_a_resumed_watch_goes_on():
    first, second = CollapseWatch(), CollapseWatch()
    seen(first, *[batch(4)] * WINDOW, *[batch(0)] * 3)
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    assert seen(second, *[batch(0)] * 5) == seen(first, *[batch(0)] * 5) != []


@pytest.mark.slow
def test_a_run_that_collapses_says_so_while_it_goes_on(tmp_path):
    """A real one: with a learning rate of 0.3 the micro-policy forgets what it could after a few steps."""
    ruinous = ("--model.optimizer.init_args.lr=0.3", "--model.lr_scheduler.init_args.steps=30")
    length = ("--trainer.limit_train_batches=24", "--data.train.init_args.easy=96", "--data.train.init_args.hard=0")
    with pytest.warns(UserWarning, match="step [0-9]+: no completion of the last 8 rollout batches is correct"):
        fit(tmp_path, *ruinous, *length)
