"""Many calls of one endpoint at a time, and the reasons to make no more of them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from p2o.endpoints.budget import BudgetGuard
from p2o.endpoints.chat import CallFailed, ChatReply, Redacted, ask
from p2o.endpoints.failure import Failure
from p2o.endpoints.retry import Retries
from p2o.endpoints.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)
TOLD_WAIT = 1.0  # seconds; shorter waits pass unseen


@dataclass(frozen=True)
class Call:
    """Arguments of `chat.completions.create`, and what the call costs at most."""

    request: dict[str, Any]
    most: Usage


CallResult = ChatReply | CallFailed | None  # None: the call was not made


class Calls:
    """Makes calls until one failure is permanent, too many fail in a row, or a limit is reached.

    Then calls under way may finish their attempt, since replies are paid for, and no further one begins.

    Args:
        client: A client that does not retry.
        concurrency: Calls at a time.
        timeout: Seconds of an attempt.
        retries: When a failed attempt is tried again, and when the circuit breaker opens.
        guard: Holds the limits on what may be spent.
        failed: Calls that failed in a row so far.
        redacted: Leaves the key out of what the server says.
    """

    def __init__(
        self,
        client: "AsyncOpenAI",
        concurrency: int,
        timeout: float,
        retries: Retries,
        guard: BudgetGuard,
        failed: int,
        redacted: Redacted,
    ) -> None:
        self.client = client
        self.timeout = timeout
        self.retries = retries
        self.guard = guard
        self.failed = failed
        self.redacted = redacted
        self.stopped = ""  # why no more calls are made
        self._told = False  # that there are waits
        self._stop, self._settled = asyncio.Event(), asyncio.Event()
        self._free = asyncio.Semaphore(concurrency)

    async def make(self, calls: Sequence[Call], done: Callable[[], object]) -> list[CallResult]:
        """The results, in order; `done` is called after each."""
        return await asyncio.gather(*(self._make(call, done) for call in calls))

    async def _make(self, call: Call, done: Callable[[], object]) -> CallResult:
        async with self._free:
            if not await self._reserved(call.most):
                return None
            try:
                answer = await ask(
                    self.client, call.request, self.timeout, self.retries, self._stop, self.redacted, self._waits
                )
            except CallFailed as failed:
                if failed.failure.paid:
                    failed.usage = self._priced(failed.usage, call)
                self._settle(call.most, failed.usage)
                self._observe(failed)
                return failed
            answer = replace(answer, usage=self._priced(answer.usage, call))
            self._settle(call.most, answer.usage)
            self.failed = 0
            done()
            return answer

    async def _reserved(self, most: Usage) -> bool:
        """Whether a call may be made, once no call under way may cost what this one needs."""
        while not self._stop.is_set():
            if limit := self.guard.limit(most):
                self._end(f"would go beyond the limit of {limit} with one more call. Raise it, or stop here")
            elif self.guard.reserve(most):
                return True
            else:
                self._settled.clear()
                await self._settled.wait()
        return False

    def _settle(self, most: Usage, usage: Usage) -> None:
        self.guard.settle(most, usage)
        self._settled.set()

    def _priced(self, usage: Usage, call: Call) -> Usage:
        """With money, and with the most that the call can have cost if the server does not tell its tokens."""
        if not usage.tokens:
            usage += Usage(prompt_tokens=call.most.prompt_tokens, completion_tokens=call.most.completion_tokens)
        return self.guard.spending.priced(usage)

    def _waits(self, failure: Failure, wait: float) -> None:
        """Says once that calls are tried again: until the last attempt has failed nothing else would be heard."""
        if wait >= TOLD_WAIT and not self._told:
            self._told = True
            logger.warning("%s %s; trying again in %.0f s", self.client.base_url, failure.detail[:300], wait)

    def _observe(self, failed: CallFailed) -> None:
        if failed.failure.refused:
            return  # other prompts may pass
        self.failed += 1
        what = f"{failed.failure.detail[:1000]}. {failed.failure.advice}"
        if failed.failure.permanent:
            self._end(what)
        elif self.failed >= self.retries.failures_in_a_row:
            self._end(f"failed in {self.failed} calls in a row, the last time it {what}")

    def _end(self, why: str) -> None:
        self.stopped = self.stopped or why
        self._stop.set()
