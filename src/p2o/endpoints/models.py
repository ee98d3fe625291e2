"""Whether an endpoint can be asked, by its list of models: that costs nothing, but not every server has one."""

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from lightning.pytorch.utilities import rank_zero_warn

from p2o.endpoints.chat import Redacted, status_failure
from p2o.endpoints.connection import TooLong, broken_connection, causes
from p2o.endpoints.failure import Failure
from p2o.errors import InputError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from p2o.endpoints.client import Endpoint

SECONDS = 10.0  # for the list
MOST_NAMES = 8  # that a message lists
UNREACHABLE = (ConnectionRefusedError, socket.gaierror, ssl.SSLError)
# A key may be good for completions and not for the list: OpenAI's "Missing scopes: api.model.read".
_OF_THE_LIST_ALONE = re.compile(r"scope|permission", re.IGNORECASE)


def try_endpoints(endpoints: "Iterable[Endpoint]", who: str, refuses: bool) -> None:
    """Asks each endpoint for its list of models, before hours of training end at a wrong address or key.

    Args:
        endpoints: Equal ones are asked once.
        who: Will ask them later, for the message.
        refuses: Whether an endpoint that cannot be asked ends the run; else that is a warning, as a doubt always is.

    Raises:
        InputError: A call would fail.
    """
    different = {(one.base_url, one.model, one.api_key_env): one for one in endpoints}
    for endpoint in different.values():
        if (failure := endpoint.tried()) is None:
            continue
        said = f"{who}: {endpoint.base_url}/models, asked before training, {failure.detail}. {failure.advice}."
        if failure.permanent and refuses:
            go_on = "With --evolution.on_failure continue the run begins all the same."
            raise InputError(f"{endpoint.redacted(said)} {go_on}")
        rank_zero_warn(endpoint.redacted(said))


async def models_problem(client: "AsyncOpenAI", model: str, redacted: Redacted) -> Failure | None:
    """What the list of models says against calls; None if it has the model, or if the server has no list.

    Args:
        client: A client that does not retry.
        model: Expected in the list.
        redacted: Leaves the key out of what the server says.
    """
    from openai import APIConnectionError, APIStatusError, APITimeoutError

    try:
        async with asyncio.timeout(SECONDS):
            response = await client.models.with_raw_response.list()
    except (TimeoutError, APITimeoutError):
        return Failure("timeout", "gave no list of models in time", "Check base_url, and that the server runs")
    except APIStatusError as error:
        failure = status_failure(error, redacted)
        if error.status_code not in (401, 403):
            return None
        return replace(failure, permanent=not _OF_THE_LIST_ALONE.search(error.message))
    except (APIConnectionError, TooLong) as error:
        failure = broken_connection(error)
        final = failure.permanent or any(isinstance(cause, UNREACHABLE) for cause in causes(error))
        return replace(failure, detail=redacted(failure.detail), permanent=final)
    names = list(_names(response.content))
    if not names or model in names:
        return None
    # Spelled out where they have control characters, which could steer a terminal.
    shown = [name if name.isprintable() else repr(name) for name in map(redacted, names[:MOST_NAMES])]
    listed = ", ".join(shown) + (" and others" if len(names) > MOST_NAMES else "")
    return Failure("no such model", f"lists no model {model!r}, but {listed[:500]}", "Check model")


def _names(body: bytes) -> Iterator[str]:
    """The names in a list of models; none in anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return
    match answer:
        case {"data": [*models]}:
            yield from (model["id"] for model in models if isinstance(model, dict) and isinstance(model.get("id"), str))
