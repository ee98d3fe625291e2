import pytest

from factories import rollout
from p2o.policy.metrics import context_accuracies, rollout_metrics


def test_rollout_metrics():
    metrics = rollout_metrics([[rollout(True), rollout(False, "z")], [rollout(False), rollout(False)]])
    assert metrics["train/reward"] == 0.25
    assert metrics["train/templated"] == 0.25
    assert metrics["train/completion_length"] == 2
    assert (metrics["outcome/correct"], metrics["outcome/wrong"], metrics["outcome/timeout"]) == (0.25, 0.75, 0)
    assert metrics["frac_reward_zero_std/all_wrong_bare"] == 0.5


def test_accuracies_by_context_leave_out_what_was_not_sampled():
    assert context_accuracies([(False, True), (False, False), (False, False)]) == {"bare": (pytest.approx(1 / 3), 3)}
    assert context_accuracies([(False, True), (True, True)]) == {"bare": (1.0, 1), "templated": (1.0, 1)}
