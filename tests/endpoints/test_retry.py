import time
from email.utils import formatdate

import pytest

from p2o.endpoints.retry import Retries, is_retried, retry_after
from p2o.errors import InputError


def test_waits_double_with_some_chance_up_to_the_longest():
    retries = Retries(attempts=9, first_wait=1.0, longest_wait=10.0)
    for attempt, whole in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (9, 10.0)]:
        waits = {retries.wait(attempt, None) for _ in range(20)}
        assert all(0.75 * whole <= wait <= whole for wait in waits) and len(waits) > 1


def test_the_last_attempt_is_the_last():
    assert Retries(attempts=2).wait(2, None) is not None
    assert Retries(attempts=2).wait(3, None) is None
    assert Retries(attempts=0).wait(1, 0.1) is None
    assert Retries(attempts=10_000, longest_wait=1.0).wait(9_999, None) <= 1.0


def test_what_the_server_asks_for_is_waited_for_or_the_call_fails():
    retries = Retries(longest_wait=60)
    assert (retries.wait(1, 42.0), retries.wait(1, 0.0), retries.wait(1, 61.0)) == (42.0, 0.0, None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, None), ({"retry-after": "3"}, 3.0), ({"retry-after": "0.5"}, 0.5), ({"retry-after": "soon"}, None),
     ({"retry-after": "-1"}, None), ({"retry-after": "nan"}, None), ({"retry-after": "1e400"}, float("inf")),
     ({"retry-after-ms": "250", "retry-after": "9"}, 0.25), ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0)],
    ids=str,
)  # fmt: skip
def test_retry_after(headers, seconds):
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date():
    assert 28 < retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)}) <= 31


def test_which_statuses_may_pass():
    assert [status for status in (400, 401, 403, 404, 408, 409, 422, 429, 500, 503, 529) if is_retried(status)] == [
        408, 409, 429, 500, 503, 529
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [{"attempts": -1}, {"failures_in_a_row": 0}, {"first_wait": -1}, {"first_wait": 2, "longest_wait": 1},
                  {"longest_wait": float("inf")}, {"longest_wait": float("nan")}]
)  # fmt: skip
def test_bad_arguments(arguments):
    with pytest.raises(InputError, match="retries: expected"):
        Retries(**arguments)
