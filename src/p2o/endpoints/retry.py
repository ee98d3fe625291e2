"""Which failed attempts of a call are worth another one, and when."""

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from p2o.errors import InputError

# Not tenacity: with 9.2.1 the tests of endpoints/ pass as well, but Retry-After with a ceiling, waits that one failed
# call ends for all, and counts by cause are callbacks of ours there: 35 lines for the 18 of the loop in `chat.ask`.
RETRIED = {408, 409, 429}  # and 5xx
PERMANENT = {401, 402, 403, 404}  # no other call would fare better


@dataclass(frozen=True)
class Retries:
    """How calls that fail are tried again.

    Args:
        attempts: Further attempts of a call after a timeout, a lost connection or a status 408, 409, 429 or 5xx.
        first_wait: Seconds before the first of them; each further one waits twice as long, less up to a quarter by
            chance, so that calls that failed together do not come back together.
        longest_wait: Seconds at most. `Retry-After` is waited for, but if it asks for more than this the call fails.
        failures_in_a_row: After so many calls in a row without a reply no further one is made (circuit breaker).
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0
    failures_in_a_row: int = 3

    def __post_init__(self) -> None:
        if self.attempts < 0 or self.failures_in_a_row < 1 or not 0 <= self.first_wait <= self.longest_wait < math.inf:
            raise InputError(
                "retries: expected attempts >= 0, failures_in_a_row >= 1 and 0 <= first_wait <= longest_wait, got "
                f"{self.attempts}, {self.failures_in_a_row}, {self.first_wait} and {self.longest_wait}."
            )

    def wait(self, attempt: int, asked_for: float | None) -> float | None:
        """Seconds before attempt number `attempt` + 1; None if there should be none.

        Args:
            attempt: Attempts so far, 1 or more.
            asked_for: Seconds that the server asks for; None if it does not say.
        """
        if attempt > self.attempts:
            return None
        if asked_for is not None:
            return asked_for if asked_for <= self.longest_wait else None
        doubled = self.first_wait * 2.0 ** min(attempt - 1, 60)
        return min(doubled, self.longest_wait) * (1 - random.random() / 4)


def is_retried(status: int) -> bool:
    """Whether a call that was answered with this status may fare better later."""
    return status in RETRIED or status >= 500


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` (seconds or a date, RFC 9110) or OpenAI's `retry-after-ms` ask for."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if seconds >= 0:  # not a number is no wish
            return seconds
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except ValueError:
        return None
