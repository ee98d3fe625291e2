from itertools import combinations
from statistics import fmean

import pytest
import torch

from p2o.evaluation.estimators import bootstrap_interval, majority, pass_at_k, powers_of_two
from p2o.types import Grade, Outcome


@pytest.mark.parametrize("correct", range(7))
@pytest.mark.parametrize("k", range(1, 7))
def test_pass_at_k_is_the_mean_over_all_draws(correct, k):
    outcomes = [True] * correct + [False] * (6 - correct)
    assert pass_at_k(6, correct, k) == pytest.approx(fmean(any(draw) for draw in combinations(outcomes, k)))


def test_pass_at_k_by_hand():
    assert pass_at_k(16, 1, 4) == pytest.approx(4 / 16)
    assert pass_at_k(16, 0, 16) == 0 and pass_at_k(16, 13, 4) == 1
    with pytest.raises(ValueError, match="1 <= k <= samples"):
        pass_at_k(4, 1, 5)


def grades(text):
    """A letter an answer: C correct, - none, all others wrong."""
    kinds = {"C": Outcome.CORRECT, "-": Outcome.NO_ANSWER}
    return [Grade(float(c == "C"), kinds.get(c, Outcome.WRONG), c.strip("-")) for c in text]


@pytest.mark.parametrize(
    ("text", "share"),
    [("CCab", 1), ("Caab", 0), ("CCaa", 0.5), ("Cab", 1 / 3), ("---C", 1), ("----", 0), ("aab", 0), ("CC-----", 1)],
)
def test_majority(text, share):
    assert majority(grades(text)) == pytest.approx(share)


def test_majority_counts_answers_and_not_their_spelling():
    spelt = [Grade(1.0, Outcome.CORRECT, text) for text in (r"\frac{1}{2}", "0.5")]
    wrong = [Grade(0.0, Outcome.WRONG, text) for text in ("(1, 2)", "(1,2)", r"\left(1,2\right)")]
    assert majority([*spelt, *wrong]) == 0.0
    assert majority([*spelt, wrong[0]]) == 1.0


def test_bootstrap_interval():
    values = torch.tensor([1.0] * 30 + [0.0] * 70)
    low, high = bootstrap_interval(values).tolist()
    error = 1.96 * (0.3 * 0.7 / 100) ** 0.5  # of the normal approximation
    assert low == pytest.approx(0.3 - error, abs=0.02) and high == pytest.approx(0.3 + error, abs=0.02)
    assert bootstrap_interval(torch.ones(5)).tolist() == [1, 1]
    assert torch.equal(bootstrap_interval(values), bootstrap_interval(values))


def test_powers_of_two():
    assert [powers_of_two(n) for n in (1, 2, 6, 16)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8, 16]]
