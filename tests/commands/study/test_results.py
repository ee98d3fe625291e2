import json
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from p2o.commands.study.fits import Fit
from p2o.commands.study.results import curve_weights, read_result, spent_before
from p2o.errors import InputError
from p2o.io.tables import write_parquet
from p2o.run_folder.log_columns import VALIDATION_LOG
from p2o.run_folder.paths import RunPaths

# Two epochs: 100 rollouts of training each, 60 of evolution after the first, 40 after the second.
HISTORY = [{"train": 100, "evolution": 60}, {"train": 200, "evolution": 100}]


def row(epoch, context, name, difficulty, correct):
    return {
        "epoch": epoch, "context": context, "id": name, "difficulty": difficulty,
        "correct": correct, "outcome": "correct" if correct else "wrong", "tokens": 3,
    }  # fmt: skip


def write(root, epoch, rows):
    write_parquet(RunPaths(root).validation(epoch), rows, VALIDATION_LOG.schema())


@pytest.fixture
def fit(tmp_path):
    summary = {"epochs": 2, "rollout_history": HISTORY, "validation": {"bare": {"easy": 1.0}, "templated": None}}
    summary |= {
        "reward": [0.5, 1.0],
        "hard_set": [1, 0],
        "history": [None, None],
        "rollouts": HISTORY[-1],
        "seconds": 3,
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "validation").mkdir()
    first = [
        row(0, "bare", "h2", "hard", False),
        row(0, "bare", "h1", "hard", True),
        row(0, "bare", "e", "easy", False),
    ]
    write(tmp_path, 0, first)
    last = [row(1, "bare", "h1", "hard", True), row(1, "bare", "h2", "hard", True), row(1, "bare", "e", "easy", False)]
    write(tmp_path, 1, [*last, row(1, "templated", "h1", "hard", True), row(1, "templated", "h2", "hard", False)])
    write(tmp_path, 2, [row(2, "bare", "h1", "hard", False)])  # of a run that went another way
    return Fit({}, 7, tmp_path)


def test_rollouts_before_a_validation_leave_out_the_evolution_after_it():
    assert spent_before(HISTORY) == [100, 260]


def test_a_context_alone_takes_all_questions(fit):
    result = read_result(fit, "bare")
    assert result.questions == ("e", "h1", "h2")
    assert_close(result.correct.mean(dim=1), torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))


def test_a_question_without_a_template_counts_as_asked_bare(fit):
    result = read_result(fit, "templated")
    assert_close(result.final, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))  # e bare, h1 and h2 templated


def test_final_and_curve_of_each_question(fit):
    result = read_result(fit, "bare/hard")
    assert (result.seed, result.questions) == (7, ("h1", "h2"))
    assert_close(result.final, torch.tensor([1.0, 1.0], dtype=torch.float64))
    assert_close(result.curve, torch.tensor([1.0, 80 / 260], dtype=torch.float64))


def test_the_curve_is_linear_between_validations():
    weights = curve_weights(torch.tensor([100.0, 60.0, 40.0]))
    assert_close(weights, torch.tensor([100 + 30, 30 + 20, 20.0]) / 200)
    assert_close(curve_weights(torch.tensor([5.0])), torch.tensor([1.0]))
    assert_close(curve_weights(torch.tensor([0.0, 0.0])), torch.tensor([0.75, 0.25]))  # no rollouts: epochs count alike


@pytest.mark.parametrize(("target", "rollouts"), [(0.5, 100), (0.6, 260), (1.0, 260)])
def test_rollouts_until_a_target(fit, target, rollouts):
    assert read_result(fit, "bare/hard").rollouts_until(target) == rollouts
    assert read_result(fit, "bare/easy").rollouts_until(target) is None


@pytest.mark.parametrize(("rollouts", "accuracy"), [(99, None), (100, 0.5), (180, 0.75), (260, 1.0), (261, None)])
def test_accuracy_between_two_validations_is_on_the_line(fit, rollouts, accuracy):
    assert read_result(fit, "bare/hard").accuracy_after(rollouts) == accuracy


def test_before_the_first_template_the_bare_question_counts(fit):
    result = read_result(fit, "templated/hard")
    assert_close(result.correct, torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64))


def test_figures_of_the_summary(fit):
    result = read_result(fit, "bare/hard")
    assert result.figure("validation.bare.easy") == 1.0
    assert result.figure("validation.templated.hard") is None  # there was no template
    with pytest.raises(InputError, match=r"no 'bar' for 'validation\.bar\.easy'.*has bare, templated"):
        result.figure("validation.bar.easy")
    with pytest.raises(InputError, match=r"no 'sums' for 'validation\.bare\.sums'.*has easy"):
        result.figure("validation.bare.sums")
    with pytest.raises(InputError, match="expected a number"):
        result.figure("validation.bare")


def test_figures_of_a_difficulty_whose_name_has_a_dot(fit):
    """Those of DeepMath are numbers."""
    found = read_result(fit, "bare/hard")
    summary = {"validation": {"bare": {"4": 0.25, "4.5": 0.5, "a.b": {"c": 1}}}}
    found = replace(found, summary=summary)
    assert found.figure("validation.bare.4.5") == 0.5 and found.figure("validation.bare.4") == 0.25
    assert found.figure("validation.bare.a.b.c") == 1
    with pytest.raises(InputError, match=r"no '5' for 'validation\.bare\.5\.5'.*has 4, 4\.5, a\.b"):
        found.figure("validation.bare.5.5")


def test_what_cannot_be_read_is_named(fit):
    with pytest.raises(InputError, match="'medium' is the difficulty of no validation question"):
        read_result(fit, "bare/medium")
    (fit.folder / "summary.json").write_text("{")
    with pytest.raises(InputError, match=r"summary\.json: expected a JSON object"):
        read_result(fit, "bare/hard")
