import pytest
import torch

from p2o.commands.study.bootstrap import differences, paired_bootstrap
from p2o.commands.study.results import RunResult
from p2o.errors import InputError


def result(seed, correct, questions=("a", "b")):
    return RunResult(seed, {}, questions, torch.tensor(correct, dtype=torch.float64), torch.tensor([0.5, 0.5]).double())


def test_no_spread_no_width():
    assert paired_bootstrap(torch.full((3, 8), 0.25)) == pytest.approx((0.25, 0.25, 0.25))


def test_many_questions_do_not_make_up_for_few_seeds():
    """One seed of two won on every question: over seeds the mean is 0, 1/2 or 1 with probability 1/4, 1/2, 1/4."""
    by_seed = torch.tensor([[0.0], [1.0]]).expand(2, 500)
    assert paired_bootstrap(by_seed) == pytest.approx((0.5, 0.0, 1.0))


def test_one_seed_leaves_the_interval_of_its_questions():
    """100 questions of which half differ: the mean has a standard error of 0.5 / 10."""
    mean, low, high = paired_bootstrap(torch.tensor([[0.0, 1.0] * 50]))
    assert mean == 0.5
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.011) and high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.011)


def test_both_variances_count():
    """Crossed effects of seeds and questions: the bootstrap variance of the mean is about a²(S-1)/S² + b²(Q-1)/Q²."""
    generator = torch.Generator().manual_seed(1)
    seeds, questions = torch.randn(20, 1, generator=generator), torch.randn(1, 30, generator=generator)
    _, low, high = paired_bootstrap((seeds + questions).double())
    variance = seeds.var(correction=0) / 20 + questions.var(correction=0) / 30
    assert high - low == pytest.approx(2 * 1.96 * float(variance) ** 0.5, rel=0.05)


def test_differences_pair_seeds_and_questions():
    mine = [result(1, [[0, 0], [1, 1]]), result(0, [[1, 0], [1, 0]]), result(5, [[1, 1], [1, 1]])]
    base = [result(0, [[0, 0], [0, 1]]), result(1, [[0, 1], [0, 1]])]
    assert differences("a", mine, base, "final").tolist() == [[1, 0], [1, -1]]
    assert differences("a", mine, base, "curve").tolist() == [[0.5, -0.5], [1, -0.5]]
    with pytest.raises(InputError, match="a: expected the baseline's validation questions"):
        differences("a", mine, [result(0, [[0, 0], [0, 0]], ("a", "c"))], "final")
