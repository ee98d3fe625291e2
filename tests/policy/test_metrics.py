from types import SimpleNamespace

import pytest

from factories import rollout
from p2o.policy.metrics import context_accuracies, log_rollouts, rollout_metrics, weighted_means


def test_rollout_metrics():
    metrics = rollout_metrics([[rollout(True), rollout(False, "z")], [rollout(False), rollout(False)]])
    assert metrics["train/reward"] == 0.25
    assert metrics["train/templated"] == 0.25
    assert metrics["train/completion_length"] == 2
    assert (metrics["outcome/correct"], metrics["outcome/wrong"], metrics["outcome/timeout"]) == (0.25, 0.75, 0)


def test_what_a_sampler_replaced_of_a_group_is_no_group_of_its_own():
    """A hint's leftover is one rollout, whose rewards never differ; a group that is dropped whole counts."""
    logged = {}
    module = SimpleNamespace(
        log_dict=lambda values, **options: logged.update(values), log=lambda *args, **options: None
    )
    mixed, other = [rollout(True), rollout(False)], [rollout(False, number=1), rollout(False, number=1)]
    log_rollouts(module, [mixed], [[rollout(False)]])
    assert logged["frac_reward_zero_std/all_wrong_bare"] == 0 and logged["train/reward"] == pytest.approx(1 / 3)
    log_rollouts(module, [mixed], [other])
    assert logged["frac_reward_zero_std/all_wrong_bare"] == 0.5


def test_accuracies_by_context_leave_out_what_was_not_sampled():
    assert context_accuracies([(False, True), (False, False), (False, False)]) == {"bare": (pytest.approx(1 / 3), 3)}
    assert context_accuracies([(False, True), (True, True)]) == {"bare": (1.0, 1), "templated": (1.0, 1)}


def test_a_process_with_more_rollouts_counts_for_more():
    """0.5 of 6 and 0.75 of 2 are 4.5 of 8."""
    assert weighted_means([({"reward": 0.5}, 6), ({"reward": 0.75}, 2)]) == ({"reward": 0.5625}, 8)
    assert weighted_means([({"reward": 0.7}, 6)]) == ({"reward": 0.7}, 6)
