"""Rollouts on vLLM servers."""

import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from threading import Lock
from typing import Literal
from urllib.parse import urlsplit
from weakref import WeakSet

import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from p2o.distributed.preemption import uninterrupted
from p2o.distributed.processes import on_first, rank
from p2o.engines.base import BackgroundEngine, SamplingParams, Submitted
from p2o.engines.generation_settings import eos_token_ids
from p2o.engines.transformers import check_window
from p2o.engines.vllm.servers.compatibility import check_server
from p2o.engines.vllm.servers.group import ServerGroup
from p2o.engines.vllm.servers.sampling import Phase, no_server_left
from p2o.engines.vllm.servers.server import Server, ServerLostError
from p2o.engines.vllm.servers.shared_folder import SharedFolder
from p2o.engines.vllm.servers.transport import WeightTransport
from p2o.engines.weight_sync import without_autocast
from p2o.errors import InputError
from p2o.logprobs.shards import is_sharded
from p2o.types import Completion, Prompt

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
STRAGGLER_SECONDS = 60.0  # that a process waits for further servers once one has the weights


class VLLMServers(BackgroundEngine):
    """Samples on vLLM servers, on other GPUs or other nodes than those that train.

    `p2o serve --config …` prints the command of each server. A call sends them the policy's weights if they have
    others, spreads the prompts over them, and refuses tokens of any other weights. A server that is lost is left out
    until the next call, and has the present weights before it is used again; what it had not finished is sampled by the
    others from the same seeds.

    Weights need vLLM's development endpoints, which ask for no key: keep the servers off public addresses.

    Args:
        urls: Of the servers, such as `http://node2:8000`.
        dtype: Of weights and cache there; the policy keeps its own.
        weights: How they get the policy's weights: `SharedFolder`, or `FixedWeights` if they keep their own.
        concurrency: Requests under way at each server, of each process and rollout batch, at most.
        timeout: Seconds for one completion or one transfer; a server that takes longer is lost.
        api_key_env: Name of the environment variable with the servers' key; if it is not set, none is sent.
    """

    def __init__(
        self,
        urls: list[str],
        dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16",
        weights: WeightTransport = SharedFolder(),
        concurrency: int = 256,
        timeout: float = 3600.0,
        api_key_env: str = "VLLM_API_KEY",
    ) -> None:
        cleaned = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        for url in cleaned:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.password:
                raise InputError(
                    "model.engine.urls: expected addresses such as http://node2:8000, without path or key, got "
                    f"{url!r}."
                )
        if not cleaned or len(cleaned) < len(urls) or concurrency < 1 or timeout <= 0:
            raise InputError(
                "VLLMServers: expected at least one url, each once, concurrency >= 1 and timeout > 0, got "
                f"{urls}, {concurrency} and {timeout}."
            )
        self.dtype = getattr(torch, dtype)
        self.weights = copy(weights)  # a default is shared, what was sent is this engine's own
        self.concurrency = concurrency
        self.group = ServerGroup(cleaned, timeout, api_key_env)
        self._lost: dict[str, str] = {}
        self._version = ""  # of the weights that were asked for last
        self._under_way: WeakSet[Submitted] = WeakSet()
        self._renewing = Lock()

    def check(self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        """Refuses servers that do not fit the run, before it begins; see `RolloutEngine.check`."""
        dtype = str(self.dtype).removeprefix("torch.")

        def check_all() -> int:
            found = self.group.each(
                self.group.urls,
                lambda server: check_server(server, config, tokenizer, longest, dtype, self.weights.backend),
            )
            for url, outcome in found.items():
                if isinstance(outcome, ServerLostError):
                    raise InputError(
                        f"model.engine.urls: expected a vLLM server at {url}, nobody answers: {outcome}. Start it by "
                        "the command that `p2o serve` prints for the config."
                    )
            return min(outcome for outcome in found.values() if isinstance(outcome, int))

        self.room = on_first(check_all)

    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in order; see `RolloutEngine.generate`."""
        return self._begin(policy, prompts, sampling).wait(title)

    def submit(self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams) -> Submitted:
        """Begins one completion for each prompt; see `BackgroundEngine.submit`."""
        submitted = self._begin(policy, prompts, sampling)
        self._under_way.add(submitted)
        return submitted

    def _begin(self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams) -> Submitted:
        check_window(policy, prompts, sampling)
        eos = eos_token_ids(policy)
        with without_autocast(policy):  # the trainer's mixed precision is not for the servers
            with uninterrupted() if is_sharded(policy) else nullcontext():  # its shards are gathered by all processes
                version = self.weights.version_of(policy)
                if version != self._version:
                    for submitted in list(self._under_way):  # to send others would break it off
                        submitted.settle()
                live = self._with_weights(policy, version)
                self._version = version
        self._check_length(live, prompts, sampling)
        phase = Phase(prompts, sampling, eos, version)

        def ended() -> None:
            self._lost |= phase.lost

        return Submitted(self._sample(phase, list(live)), len(prompts), lambda: len(phase.completions), ended)

    async def _sample(self, phase: Phase, urls: list[str]) -> list[Completion]:
        async def renew(server: Server) -> bool:
            if rank() > 0:
                return False
            with self._renewing:  # another call may be at it in a thread of its own
                try:
                    return await server.version() == phase.version or await self.weights.renew(server, phase.version)
                except ServerLostError:
                    return False

        async with self.group.session() as http:
            return await phase.sample([Server(url, http) for url in urls], self.concurrency, renew)

    def _with_weights(self, policy: PreTrainedModel, version: str) -> dict[str, int]:
        """The servers that have the weights, and the window of each.

        The first process sends them; the others wait until they are there. They ask the servers and not each other:
        where the policy reflects, the first process is here alone.
        """
        found = self.group.each(self.group.urls, _look)
        live = {url: look for url, look in found.items() if not isinstance(look, ServerLostError)}
        lost = {url: str(look) for url, look in found.items() if isinstance(look, ServerLostError)}
        if rank() == 0:
            stale = [url for url, (has, _) in live.items() if has != version]
            lost |= self.weights.send(policy, version, self.group, list(live), stale)
        else:
            self.weights.send(policy, version, self.group, [], [])
            lost |= self._wait(version, list(live))
        self._tell(lost)
        windows = {url: window for url, (_, window) in live.items() if url not in lost}
        if not windows:
            raise InputError(no_server_left(lost))
        return windows

    def _wait(self, version: str, urls: list[str]) -> dict[str, str]:
        """Waits until the first process has sent the weights; names the servers that do not have them then."""
        begun, limit = time.monotonic(), self.group.timeout
        while True:
            found = self.group.each(urls, lambda server: server.version())
            without = {url: str(has) for url, has in found.items() if has != version}
            waited = time.monotonic() - begun
            if not without or waited > limit:
                return without
            if len(without) < len(urls):
                limit = min(limit, waited + STRAGGLER_SECONDS)
            time.sleep(POLL_SECONDS)

    def _tell(self, lost: dict[str, str]) -> None:
        """Says which servers are lost, and which have come back."""
        for url in lost.keys() - self._lost.keys():
            logger.warning("%s is lost: %s. The others sample.", url, lost[url][:500])
        for url in self._lost.keys() - lost.keys():
            logger.warning("%s is back, with the present weights.", url)
        self._lost = lost

    def _check_length(self, windows: dict[str, int], prompts: Sequence[Prompt], sampling: SamplingParams) -> None:
        longest = max((len(prompt.ids) for prompt in prompts), default=0)
        url, window = min(windows.items(), key=lambda item: item[1])
        if longest + sampling.max_completion_length > window:
            raise InputError(
                f"A prompt of {longest} tokens and a completion of up to {sampling.max_completion_length} do not fit "
                f"into the {window} tokens of {url}. Start it with a larger --max-model-len, or shorten them."
            )


async def _look(server: Server) -> tuple[str, int]:
    return await server.version(), await server.window()
