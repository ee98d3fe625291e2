import pytest
import torch
from torch.testing import assert_close

from p2o.errors import InputError
from p2o.objective.context_estimators import Importance, Masked, Replace, Templated, Weighted

# π_old(y_t|x) = .2 .001 .5 .9 .02, π_old(y_t|x̃) = .8 .9 .5 .05 .99, so q = .25 .0011 1 18 .0202
BARE = torch.tensor([[0.2, 0.001, 0.5, 0.9, 0.02]]).log()
TEMPLATED = torch.tensor([[0.8, 0.9, 0.5, 0.05, 0.99]]).log()


@pytest.mark.parametrize(
    ("estimator", "old", "weights"),
    [
        (Masked(), BARE, [1.0, 1.0, 1.0, 0.0, 1.0]),
        (Masked(low=0.01), BARE, [1.0, 0.0, 1.0, 0.0, 1.0]),
        (Masked(low=0.5, high=20), BARE, [0.0, 0.0, 1.0, 1.0, 0.0]),
        (Weighted(), BARE, [0.25, 0.1, 1.0, 1.0, 0.1]),
        (Weighted(low=0.001, high=4.0), BARE, [0.25, 0.001 / 0.9, 1.0, 4.0, 0.02 / 0.99]),
        (Replace(), BARE, [1.0] * 5),
        (Importance(), TEMPLATED, [1.0] * 5),
        (Templated(), TEMPLATED, [1.0] * 5),
    ],
)
def test_by_hand(estimator, old, weights):
    found_old, found_weights = estimator(BARE, TEMPLATED)
    assert_close(found_old, old)
    assert_close(found_weights, torch.tensor([weights]))


def test_bounds_belong_to_the_interval():
    bare = torch.tensor([[0.25, 4.0]], dtype=torch.float64).log()
    assert Masked(low=0.25, high=4.0)(bare, torch.zeros_like(bare))[1].tolist() == [[1.0, 1.0]]


def test_only_templated_keeps_the_template_in_the_gradient():
    assert [e.bare_gradient for e in (Masked(), Replace(), Importance(), Templated())] == [True, True, True, False]


def test_refuses_empty_interval():
    with pytest.raises(InputError, match="low < high"):
        Masked(low=2, high=1)
    with pytest.raises(InputError, match="0 < low <= 1 <= high"):
        Weighted(low=0.5, high=0.9)
