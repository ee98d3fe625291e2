import pytest

from p2o.endpoints.budget import BudgetGuard, Spending
from p2o.endpoints.usage import Usage
from p2o.errors import InputError


def test_usages_add_up():
    left = Usage(1, 2, {"timeout": 2}, 10, 5, 1.5, 0.25)
    right = Usage(3, 0, {"timeout": 1, "status 500": 1}, 1, 2, 0.5, 0.5)
    assert left + right == Usage(4, 2, {"timeout": 3, "status 500": 1}, 11, 7, 2.0, 0.75)
    assert left + Usage() == left and (left + right).tokens == 18


def test_a_purse_holds_back_what_calls_under_way_may_cost():
    most, spending = Usage(prompt_tokens=10, completion_tokens=20), Spending(tokens=100)
    purse = BudgetGuard(spending, Usage(prompt_tokens=25))
    assert [purse.reserve(most) for _ in range(3)] == [True, True, False] and purse.limit(most) == ""
    purse.settle(most, Usage(prompt_tokens=8, completion_tokens=2))
    assert purse.spent.tokens == 35
    assert [purse.reserve(most) for _ in range(2)] == [True, False]
    purse.settle(most, Usage())  # a call that failed
    assert purse.reserve(most)
    purse.settle(most, Usage(prompt_tokens=36))
    assert not purse.reserve(most) and purse.limit(most) == "100 tokens (spending.tokens)"


def test_prices_are_per_million_tokens():
    spending = Spending(money=1, prompt_price=0.5, completion_price=2)
    assert spending.priced(Usage(prompt_tokens=1_000_000, completion_tokens=250_000)).money == 1.0
    assert spending.exceeded(Usage(money=1.0)) == ""
    assert spending.exceeded(Usage(money=1.01)) == "1 (spending.money)"
    assert Spending().exceeded(Usage(money=1e9)) == ""  # no limit on money


@pytest.mark.parametrize(
    "arguments",
    [{"tokens": -1}, {"money": -1}, {"prompt_price": -1}, {"completion_price": float("nan")}, {"money": 5}],
)
def test_bad_arguments(arguments):
    with pytest.raises(InputError, match="spending: expected"):
        Spending(**arguments)
