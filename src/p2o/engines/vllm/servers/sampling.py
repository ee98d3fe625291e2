"""Samples many prompts on several servers, and goes on with the others when one is lost."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from p2o.engines.base import SamplingParams
from p2o.engines.vllm.servers.prompt_queue import PromptQueue
from p2o.engines.vllm.servers.server import Server, ServerLostError
from p2o.errors import InputError
from p2o.types import Completion, Prompt

logger = logging.getLogger(__name__)

ATTEMPTS = 4  # of a prompt: what four answers of living servers fail at is no accident


class Phase:
    """The completions of one call of the engine.

    Args:
        prompts: One for each completion.
        sampling: Temperature and length.
        eos: Ids that end a completion.
        version: Name of the weights that all tokens must come from.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        sampling: SamplingParams,
        eos: Sequence[int],
        version: str,
    ) -> None:
        self.prompts, self.sampling, self.eos, self.version = prompts, sampling, eos, version
        self.queue = PromptQueue(prompts)
        self.completions: dict[int, Completion] = {}
        self.lost: dict[str, str] = {}  # url -> why
        self.stale: dict[str, str] = {}  # url -> the weights that it has
        self.failures: Counter[int] = Counter()

    async def sample(
        self, servers: Sequence[Server], concurrency: int, renew: Callable[[Server], Awaitable[bool]]
    ) -> list[Completion]:
        """One completion for each prompt, in order.

        Args:
            servers: That have the weights.
            concurrency: Requests under way at each, at most.
            renew: Gives a server that was started anew its weights, if that is possible now. It is asked once a server.

        Raises:
            InputError: No server is left, or they fail at a prompt again and again.
        """
        renewed: set[str] = set()
        while len(self.completions) < len(self.prompts):
            live = [server for server in servers if server.url not in self.lost]
            if not live:
                raise InputError(no_server_left(self.lost))
            places = [server for _ in range(min(concurrency, len(self.prompts))) for server in live]
            try:
                async with asyncio.TaskGroup() as group:
                    for server in places:
                        group.create_task(self._work(server))
            except ExceptionGroup as errors:  # the first has cancelled the other tasks
                raise errors.exceptions[0] from None
            for server in live:
                if server.url in self.stale and (server.url in renewed or not await renew(server)):
                    self._lose(server, f"it has the weights {self.stale[server.url]!r} and not {self.version!r}")
                renewed |= {server.url} & self.stale.keys()
            self.stale.clear()
        return [self.completions[number] for number in range(len(self.prompts))]

    async def _work(self, server: Server) -> None:
        """Keeps one place of a server busy."""
        while server.url not in self.lost and server.url not in self.stale:
            if (number := self.queue.take(server.url)) is None:
                return
            try:
                reply = await server.generate(self.prompts[number], self.sampling, self.eos)
            except ServerLostError as lost:
                self.queue.give_back(number)
                await self._failed(server, number, lost)
                continue
            if reply.versions != (self.version,):  # started anew, or given others in the middle: not to be mixed
                self.queue.give_back(number)
                self.stale[server.url] = ", ".join(reply.versions)
                return
            self.completions[number] = reply.completion

    async def _failed(self, server: Server, number: int, lost: ServerLostError) -> None:
        if not await server.is_healthy():
            self._lose(server, str(lost))
            return
        self.failures[number] += 1
        if self.failures[number] >= ATTEMPTS:
            raise InputError(f"{server.url}: prompt {number} failed {ATTEMPTS} times, the last time: {lost}.")

    def _lose(self, server: Server, why: str) -> None:
        if server.url not in self.lost:
            self.lost[server.url] = why
            logger.warning("%s is lost: %s. Other servers sample what it has not.", server.url, why[:500])


def no_server_left(lost: dict[str, str]) -> str:
    """The message that ends a run."""
    named = "; ".join(f"{url}: {why[:500]}" for url, why in lost.items())
    return (
        f"model.engine: no server is left of {len(lost)} ({named}). Start them again, by the commands that `p2o serve` "
        "prints for the config, and resume the run: p2o fit … --ckpt_path last."
    )
