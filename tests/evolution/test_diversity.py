import pytest

from p2o.evolution.history import Candidate, History, Iteration, Status
from p2o.evolution.result import distinct_share, mean_similarity, pairwise


def history(*texts, **rejections):
    made = [Candidate(text, Status.REJECTED, 1, parent=0) for text in texts]
    seed = Candidate("", Status.SEED, 0, dev_scores=(0.0,))
    causes = {name.replace("_", " "): count for name, count in rejections.items()}
    return History((seed,), tuple(made), (Iteration(), Iteration(rejections=causes, tried=len(made))))


def test_the_share_of_distinct_proposals():
    assert distinct_share(history()) is None
    assert distinct_share(history("a", "b", no_fence=9)) == 1.0  # no proposal at all
    assert distinct_share(history("a", already_tried=1, already_in_the_pool=1, proposed_twice_at_once=1)) == 0.25


def test_similarity_worked_by_hand():
    assert pairwise(["a b", "B a"]) == 1.0
    assert pairwise(["a b c", "b c d"]) == 0.5
    assert pairwise(["a", "b", "a b"]) == pytest.approx((0 + 0.5 + 0.5) / 3)
    assert mean_similarity(history("a b c", "b c d")) == 0.5
    assert mean_similarity(history("a")) is None  # the seed is no proposal
