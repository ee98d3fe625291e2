import pytest
import torch

from p2o.objective.context_mask import PARTS, ContextMaskStats, no_context_mask_stats
from p2o.objective.outputs import LossOutput, Mean, joined_context_mask_stats, output_metrics


def terms(clipped, mismatch, largest, context_mask_stats, entropy=Mean(0.0, 0), kl=Mean(0.0, 0)):  # noqa: B008
    return LossOutput(torch.zeros(()), clipped, entropy, kl, context_mask_stats, mismatch, largest)


def test_means_of_parts_are_joined_by_their_tokens():
    counts = torch.tensor([2] + [0] * (PARTS - 1))
    parts = [
        terms(Mean(0.5, 2), Mean(0.1, 1), 0.1, no_context_mask_stats(), Mean(1.0, 2), Mean(0.2, 2)),
        terms(
            Mean(0.0, 6), Mean(0.3, 3), 0.7, ContextMaskStats(2 * counts, counts, 0 * counts, 4.0, 3.0), Mean(2.0, 6)
        ),
    ]
    assert output_metrics(parts) == pytest.approx(
        {
            "policy/clipped": 1 / 8,
            "policy/entropy": 14 / 8,
            "policy/kl": 0.2,
            "sampling_logp_difference/mean": 1.0 / 4,
            "sampling_logp_difference/max": 0.7,
            "policy/context_masked": 0.5,
        }
    )
    assert joined_context_mask_stats(parts).shares()["below"] == (0.5, 4)
    assert joined_context_mask_stats(parts).shares()["masked_gap"] == (0.75, 4000)


def test_what_no_token_tells_of_is_left_out():
    assert output_metrics([]) == {}
    assert output_metrics([terms(Mean(0.0, 3), Mean(0.0, 0), 0.0, no_context_mask_stats())]) == {"policy/clipped": 0.0}
