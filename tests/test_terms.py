import pytest
import torch

from p2o.silence import PARTS, Silence, no_silence
from p2o.terms import Mean, Terms, join_silence, term_metrics


def terms(clipped, mismatch, largest, silence):
    return Terms(torch.zeros(()), clipped, silence, mismatch, largest)


def test_means_of_parts_are_joined_by_their_tokens():
    counts = torch.tensor([2] + [0] * (PARTS - 1))
    parts = [
        terms(Mean(0.5, 2), Mean(0.1, 1), 0.1, no_silence()),
        terms(Mean(0.0, 6), Mean(0.3, 3), 0.7, Silence(2 * counts, counts, 0 * counts)),
    ]
    assert term_metrics(parts) == pytest.approx(
        {
            "policy/clipped": 1 / 8,
            "policy/mismatch_mean": 1.0 / 4,
            "policy/mismatch_max": 0.7,
            "policy/context_silenced": 0.5,
        }
    )
    assert join_silence(parts).shares()["below"] == (0.5, 4)


def test_what_no_token_tells_of_is_left_out():
    assert term_metrics([]) == {}
    assert term_metrics([terms(Mean(0.0, 3), Mean(0.0, 0), 0.0, no_silence())]) == {"policy/clipped": 0.0}
