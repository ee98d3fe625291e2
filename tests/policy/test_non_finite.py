"""An update that is not finite does not reach the weights, and a run of nothing else ends with one message."""

import json

import pytest
import torch

from p2o.objective.losses import ClippedLoss
from p2o.policy.loading import BUNDLED, load_policy
from quickstart_run import SHAPED, fit, logged, weights


def spoil(monkeypatch, *calls):
    """The loss is NaN in these calls (all, if there are none)."""
    made, clean = [], ClippedLoss.__call__

    def spoilt(self, *arguments):
        made.append(len(made))
        return clean(self, *arguments) * (float("nan") if not calls or made[-1] in calls else 1.0)

    monkeypatch.setattr(ClippedLoss, "__call__", spoilt)


def test_a_step_that_is_not_finite_is_not_taken_and_its_batch_is_kept(tmp_path, monkeypatch):
    spoil(monkeypatch, 1)
    with pytest.warns(UserWarning, match="is not finite .* the weights stay as they were"):
        fit(tmp_path, *SHAPED)
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path).values())
    assert logged(tmp_path, "policy/steps_not_finite") == [1.0, 0.0]
    [kept] = (tmp_path / "non_finite").iterdir()
    rows = json.loads(kept.read_text())["rows"]
    assert rows and all(row["completion_ids"] for row in rows)


def test_a_run_of_nothing_else_stops_with_one_message(tmp_path, monkeypatch, capsys):
    spoil(monkeypatch)
    with pytest.warns(UserWarning, match="is not finite"), pytest.raises(SystemExit) as ended:
        fit(tmp_path, *SHAPED, "--model.max_non_finite_steps=3")
    assert ended.value.code == 2
    [said] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("p2o: error")]
    assert "in a row (model.max_non_finite_steps), so the run stops" in said


def test_without_a_gradient_there_is_no_step(tmp_path):
    fit(tmp_path, "--model.temperature=1e-4")  # all rollouts of a question are the same
    assert logged(tmp_path, "policy/steps_without_gradient") == [2.0, 2.0]
    start = {f"policy.{name}": tensor for name, tensor in load_policy(BUNDLED).state_dict().items()}
    assert all(torch.equal(tensor, start[name]) for name, tensor in weights(tmp_path).items())


def test_an_option_steps_without_a_gradient_as_others_do(tmp_path):
    decay = ("--model.optimizer.init_args.weight_decay=0.1", "--model.step_without_gradient=true")
    fit(tmp_path, "--model.temperature=1e-4", *decay)
    start = {f"policy.{name}": tensor for name, tensor in load_policy(BUNDLED).state_dict().items()}
    assert any(not torch.equal(tensor, start[name]) for name, tensor in weights(tmp_path).items())
