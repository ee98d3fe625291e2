import math

import pytest
import torch

from p2o.commands.study.interval import differences, paired_interval
from p2o.commands.study.results import RunResult
from p2o.errors import InputError
from p2o.evaluation.student import student_quantile


def result(seed, correct, questions=("a", "b")):
    return RunResult(seed, {}, questions, torch.tensor(correct, dtype=torch.float64), torch.tensor([0.5, 0.5]).double())


def test_no_spread_no_width():
    assert paired_interval(torch.full((3, 8), 0.25)) == pytest.approx((0.25, 0.25, 0.25))


def test_many_questions_do_not_make_up_for_few_seeds():
    """Where seeds differ and questions do not it is the t interval of the seeds: 2.776 * sqrt(0.3 / 5)."""
    by_seed = torch.tensor([[0.0], [1.0], [0.0], [1.0], [0.0]]).expand(5, 500)
    assert paired_interval(by_seed) == pytest.approx((0.4, 0.4 - 0.68, 0.4 + 0.68), abs=1e-3)


def test_many_seeds_do_not_make_up_for_few_questions():
    by_question = torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0]]).expand(500, 5)
    assert paired_interval(by_question) == pytest.approx((0.4, 0.4 - 0.68, 0.4 + 0.68), abs=1e-3)


def test_one_seed_leaves_the_interval_of_its_questions():
    """100 questions of which half differ: the mean has a standard error of sqrt(0.25 / 99), and t is 1.984."""
    mean, low, high = paired_interval(torch.tensor([[0.0, 1.0] * 50]))
    assert (mean, low, high) == pytest.approx((0.5, 0.5 - 1.984 * 0.0503, 0.5 + 1.984 * 0.0503), abs=1e-4)


def test_one_question_of_one_seed_has_no_interval():
    mean, low, high = paired_interval(torch.tensor([[1.0]]))
    assert mean == 1 and math.isnan(low) and math.isnan(high)


def test_both_variances_count():
    """Crossed effects of seeds and questions without error: the variance of the mean is a² / S + b² / Q."""
    generator = torch.Generator().manual_seed(1)
    seeds, questions = torch.randn(20, 1, generator=generator), torch.randn(1, 30, generator=generator)
    _, low, high = paired_interval((seeds + questions).double())
    a, b = float(seeds.var()) / 20, float(questions.var()) / 30
    freedom = (a + b) ** 2 / (a**2 / 19 + b**2 / 29)
    assert high - low == pytest.approx(2 * student_quantile(freedom) * (a + b) ** 0.5, rel=1e-6)


def test_the_error_that_both_effects_hold_is_counted_once():
    """By hand: mean squares of seeds 1.5 (1 degree), of questions 1.5 (2) and of the error 0.5 (2), over 6 values."""
    mean, low, high = paired_interval(torch.tensor([[0.0, 1, 2], [2, 1, 3]]))
    freedom = 2.5**2 / (1.5**2 / 1 + 1.5**2 / 2 + 0.5**2 / 2)
    half = student_quantile(freedom) * math.sqrt(2.5 / 6)
    assert (mean, low, high) == pytest.approx((1.5, 1.5 - half, 1.5 + half))


@pytest.mark.parametrize(("seeds", "questions"), [(0.0, 0.3), (0.2, 0.0), (0.1, 0.2)])
def test_it_holds_the_truth_as_often_as_it_says(seeds, questions):
    """400 draws of five seeds and 40 questions: 95 %, give or take four standard errors, or a little more often."""
    generator = torch.Generator().manual_seed(2)
    draw = torch.randn(400, 5, 40, generator=generator, dtype=torch.float64) * 0.4
    draw += seeds * torch.randn(400, 5, 1, generator=generator, dtype=torch.float64)
    draw += questions * torch.randn(400, 1, 40, generator=generator, dtype=torch.float64)
    held = sum(low <= 0 <= high for _, low, high in map(paired_interval, draw)) / 400
    assert 0.95 - 4 * math.sqrt(0.95 * 0.05 / 400) <= held <= 0.99


def test_differences_pair_seeds_and_questions():
    mine = [result(1, [[0, 0], [1, 1]]), result(0, [[1, 0], [1, 0]]), result(5, [[1, 1], [1, 1]])]
    base = [result(0, [[0, 0], [0, 1]]), result(1, [[0, 1], [0, 1]])]
    assert differences("a", mine, base, "final").tolist() == [[1, 0], [1, -1]]
    assert differences("a", mine, base, "curve").tolist() == [[0.5, -0.5], [1, -0.5]]
    with pytest.raises(InputError, match="a: expected the baseline's validation questions"):
        differences("a", mine, [result(0, [[0, 0], [0, 0]], ("a", "c"))], "final")
