"""One vLLM server, asked through vLLM's own HTTP interface: token ids in, token ids out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from p2o.engines.base import SamplingParams
from p2o.errors import InputError
from p2o.types import Completion, Prompt

GENERATE = "/inference/v1/generate"
HEALTH_SECONDS = 30.0  # for an answer that takes a healthy server milliseconds


class ServerLostError(Exception):
    """A server does not answer, or says that it cannot."""


@dataclass(frozen=True)
class Reply:
    """A completion, and the names of the weights that its tokens were sampled from."""

    completion: Completion
    versions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Server:
    """A vLLM server within a session.

    Args:
        url: Of the server, such as `http://node2:8000`.
        http: The session.
    """

    url: str
    http: aiohttp.ClientSession

    async def call(self, path: str, body: object = None, method: str = "POST", seconds: float = 0.0) -> Any:  # noqa: ANN401 (JSON)
        """The server's answer to a request, parsed.

        Args:
            path: Of the interface, with its query.
            body: Of the request, as JSON.
            method: Of HTTP.
            seconds: That an answer may take; 0: as long as the session says.

        Raises:
            ServerLostError: No answer, or a status of 500 and above.
            InputError: The server refuses the request, or is not one of vLLM's.
        """
        limit: Any = {"timeout": aiohttp.ClientTimeout(seconds)} if seconds else {}
        try:
            async with self.http.request(method, self.url + path, json=body, **limit) as reply:
                status, text = reply.status, await reply.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServerLostError(f"{type(error).__name__} at {path}: {error}") from error
        if status >= 500:
            raise ServerLostError(f"status {status} at {path}: {text[:1000]}")
        if status == 401:
            raise InputError(
                f"{self.url}: the server asks for a key. Set the environment variable that model.engine.api_key_env "
                "names to the key that the server was started with."
            )
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise InputError(
                f"{self.url}: expected a vLLM server, what answers at {path} is another program: status {status}, "
                f"{text[:100]!r}."
            ) from error
        if status >= 400:
            raise InputError(f"{self.url}{path}: the server refuses: status {status}: {text[:1000]}")
        return answer

    async def get(self, path: str, seconds: float = 0.0) -> Any:  # noqa: ANN401 (JSON)
        """What the server says under a path, within `seconds` or else `HEALTH_SECONDS`."""
        return await self.call(path, method="GET", seconds=seconds or HEALTH_SECONDS)

    async def version(self) -> str:
        """The name of the weights that the server has."""
        return str((await self.get("/weight_info"))["weight_version"])

    async def window(self) -> int:
        """Tokens of prompt and completion that the server takes together at most."""
        return int((await self.get("/v1/models"))["data"][0]["max_model_len"])

    async def is_healthy(self) -> bool:
        """Whether the server answers and its engine lives."""
        try:
            async with self.http.get(f"{self.url}/health", timeout=aiohttp.ClientTimeout(HEALTH_SECONDS)) as reply:
                return reply.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def generate(self, prompt: Prompt, sampling: SamplingParams, eos: Sequence[int]) -> Reply:
        """Samples one completion.

        Raises:
            ServerLostError: No answer, a status of 500 and above, or the server has aborted the request.
            InputError: The server refuses the request, or its answer is none of this interface.
        """
        settings = {
            "temperature": sampling.temperature,
            "seed": prompt.seed,
            "max_tokens": sampling.max_completion_length,
            "ignore_eos": True,  # of the server's own config: the policy's are these
            "stop_token_ids": list(eos),
            "logprobs": 0,  # of the sampled token alone
            "flat_logprobs": True,
            "detokenize": False,
        }
        answer = await self.call(GENERATE, {"token_ids": list(prompt.ids), "sampling_params": settings})
        [choice] = answer["choices"]
        if choice["finish_reason"] == "abort":
            raise ServerLostError("the server has aborted the request")
        versions = tuple(span["version"] for span in choice["weight_versions"] or ())
        return Reply(_completion(self.url, choice, sampling, eos), versions)


def _completion(url: str, choice: dict[str, Any], sampling: SamplingParams, eos: Sequence[int]) -> Completion:
    """The completion, if it ends as completions do and each token has its log-probability."""
    ids = tuple(choice["token_ids"])
    logps = tuple(position["logprob"] for position in choice["logprobs"]["content"])
    ended = bool(ids) and ids[-1] in eos
    if len(logps) != len(ids) or (not ended and len(ids) != sampling.max_completion_length):
        raise InputError(
            f"{url}: expected a completion that ends with one of the tokens {list(eos)} or after "
            f"{sampling.max_completion_length}, and a log-probability of each; got {len(ids)} tokens, {len(logps)} "
            f"log-probabilities and finish_reason {choice['finish_reason']!r}."
        )
    return Completion(ids, truncated=not ended, logps=logps)
