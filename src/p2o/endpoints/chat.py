"""One chat completion of an OpenAI-compatible endpoint: asked for with a deadline, tried again, read with suspicion."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from p2o.endpoints.connection import TooLong, broken_connection
from p2o.endpoints.failure import Failure
from p2o.endpoints.retry import PERMANENT, Retries, is_retried, retry_after
from p2o.endpoints.usage import Usage

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

# What to do about a status that further attempts did not cure.
_ADVICE = {
    401: "Check the key",
    402: "Check the account",
    403: "Check what the key may do",
    404: "Check base_url and model",
    429: "The rate limit or the quota is used up: lower concurrency, or wait",
}

FINISHED = {"stop", "eos", "eos_token", "stop_sequence", "end_turn", None}  # None: the server does not say
_FILTERED = re.compile(
    r"content[_ ](?:filter|management|policy)|moderation|data_inspection|safety system", re.IGNORECASE
)
Redacted = Callable[[str], str]
MOST_TOKENS = 10**9  # of a call; more is no count
MOST_CHARACTERS = 128  # of a token: the longest runs of blanks or signs in vocabularies have about as many


@dataclass(frozen=True)
class ChatReply:
    """A reply: its text, None if there is only a thought; whether the length limit cut it; what it cost."""

    content: str | None
    truncated: bool
    usage: Usage


class CallFailed(Exception):
    """A call brought no reply, and no further attempt is made."""

    def __init__(self, failure: Failure, usage: Usage) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.usage = usage


async def ask(
    client: "AsyncOpenAI",
    request: dict[str, Any],
    timeout: float,
    retries: Retries,
    stop: asyncio.Event,
    redacted: Redacted,
    waits: Callable[[Failure, float], object],
) -> ChatReply:
    """A reply.

    Args:
        client: A client that does not retry.
        request: Arguments of `chat.completions.create`.
        timeout: Seconds for an attempt, from the first byte sent to the last received.
        retries: When a failed attempt is tried again.
        stop: No further attempt is made once it is set.
        redacted: Leaves the key out of what the server says.
        waits: Is told why an attempt failed, and the seconds to the next one.

    Raises:
        CallFailed: There is none.
    """
    started = time.monotonic()
    failures: Counter[str] = Counter()
    while True:
        result = await _attempt(client, request, timeout, redacted)
        attempts = failures.total() + 1
        usage = Usage(
            calls=1, retries=attempts - 1, failures=dict(failures), seconds=round(time.monotonic() - started, 3)
        )
        if isinstance(result, ChatReply):
            return replace(result, usage=result.usage + usage)
        failures[result.cause] += 1
        usage = replace(usage, failures=dict(failures))
        wait = retries.wait(attempts, result.wait) if result.retried else None
        if wait is None or stop.is_set():
            raise CallFailed(result, usage)
        waits(result, wait)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
            raise CallFailed(result, usage)


async def _attempt(
    client: "AsyncOpenAI", request: dict[str, Any], timeout: float, redacted: Redacted
) -> ChatReply | Failure:
    from openai import APIConnectionError, APIStatusError

    try:
        async with asyncio.timeout(timeout):  # of the whole attempt: a server that drips bytes never lets a read expire
            response = await client.chat.completions.with_raw_response.create(**request)
    except TimeoutError:
        return Failure("timeout", f"gave no reply within {timeout:g} s", "Raise timeout, or wait", retried=True)
    except APIStatusError as error:
        return status_failure(error, redacted)
    except (APIConnectionError, TooLong) as error:  # openai 2 makes the second one the cause of the first
        failure = broken_connection(error)
        return replace(failure, detail=redacted(failure.detail))
    return read_completion(response.content, redacted)


def status_failure(error: "APIStatusError", redacted: Redacted) -> Failure:
    """The failure that a status is."""
    status = error.status_code
    return Failure(
        f"status {status}",
        f"answered with status {status} ({redacted(error.message)})",
        _ADVICE.get(status, "Check model and extra_body" if status < 500 else "Wait"),
        is_retried(status),
        status in PERMANENT,
        retry_after(error.response.headers),
        refused=_refused(status, error.message),
    )


def read_completion(body: bytes, redacted: Redacted = str) -> ChatReply | Failure:
    """A chat completion, read from its bytes, since the client takes any JSON for one.

    What is none is not asked for again: an answer may have been paid for. What is quoted of it is redacted, then cut:
    a part of a key would not be known for one.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    match answer:
        case {"choices": [{"message": {**message}, **choice}, *_]} if isinstance(
            content := _text(message.get("content")), str | None
        ):
            # Whatever else ended it (the length under its many names, a filter), the rest of the text is missing.
            truncated = choice.get("finish_reason") not in FINISHED
            # Of a thought alone the content is null; half a surrogate pair is JSON, but no text that can be encoded.
            text = None if content is None else content.encode("utf-8", "replace").decode()
            return ChatReply(text, truncated, _usage(answer.get("usage"), text))
        case {"error": told} if told:
            return _told_error(told, redacted)
    return Failure(
        "no chat completion",
        f"answered with something else than a chat completion ({redacted(repr(body))[:200]})",
        "Check base_url",
        paid=True,
    )


def _text(content: Any) -> Any:  # noqa: ANN401 (any JSON)
    """The text of a content that comes in parts, thoughts left out; any other content as it is."""
    match content:
        case [{}, *_] if all(isinstance(part, dict) for part in content):
            texts = [part.get("text") for part in content if part.get("type", "text") in ("text", "output_text")]
            return "".join(texts) if texts and all(isinstance(text, str) for text in texts) else None
    return content


def _told_error(told: Any, redacted: Redacted) -> Failure:  # noqa: ANN401 (any JSON)
    """The failure of an answer with status 200 that holds an error, read as if it had the error's status."""
    code = told.get("code") if isinstance(told, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 0
    return Failure(
        f"error {status}" if status else "no chat completion",
        f"answered with an error ({redacted(repr(told))[:300]})",
        _ADVICE.get(status, "Check model and extra_body"),
        bool(status) and is_retried(status),
        status in PERMANENT,
        refused=_refused(status, str(told)),
    )


def _refused(status: int, message: str) -> bool:
    """Whether it is this one prompt that is refused, and not the account, or all that is asked at the moment."""
    return not is_retried(status) and status not in PERMANENT and is_filtered(message)


def is_filtered(message: str) -> bool:
    """Whether a message of the server's says that a filter refused this one prompt."""
    return bool(_FILTERED.search(message))


def _usage(told: Any, text: str | None) -> Usage:  # noqa: ANN401 (any JSON)
    """What the server tells; nothing if it tells nothing that can be true of such a text."""
    match told:
        case {"prompt_tokens": int(prompt), "completion_tokens": int(completion)} if (
            0 < prompt < MOST_TOKENS and len(text or "") <= MOST_CHARACTERS * completion < MOST_CHARACTERS * MOST_TOKENS
        ):
            return Usage(prompt_tokens=prompt, completion_tokens=completion)
    return Usage()
