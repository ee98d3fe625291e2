"""The HTTP connection to an endpoint: how much of an answer is read, and what its breaks mean."""

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from p2o.endpoints.failure import Failure

if TYPE_CHECKING:
    from openai import APIConnectionError

MOST_BYTES = 64 << 20  # of an answer; a reply of a million tokens has about a tenth of them
_AUTHORITIES = "SSL_CERT_FILE names a file with further authorities"


class TooLong(Exception):
    """An answer goes on beyond all bounds; to read it to its end would take all memory."""


async def bound(response: Any) -> None:  # noqa: ANN401 (openai 2 has it of httpx, openai 3 of httpx2)
    """Bounds the body of a response that has not been read yet: a hook of the client."""
    stream = response.stream

    class Bounded(type(stream)):  # type: ignore[misc]  # each takes streams of its own class alone
        def __init__(self) -> None:
            pass

        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for part in stream:
                if (read := read + len(part)) > MOST_BYTES:
                    raise TooLong
                yield part

        async def aclose(self) -> None:
            await stream.aclose()

    response.stream = Bounded()


def broken_connection(error: "APIConnectionError | TooLong") -> Failure:
    """Why there was no whole answer.

    An answer that is too long may have been paid for. A certificate that is not trusted will not be with the next call
    either; all else may pass.
    """
    chain = [*causes(error)]
    if any(isinstance(cause, TooLong) for cause in chain):
        size = f"{MOST_BYTES >> 20} MB"
        return Failure("too long", f"answered with more than {size}", "Check base_url and model", paid=True)
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            detail = f"has a certificate that is not trusted ({cause.verify_message})"
            return Failure("untrusted certificate", detail, f"Check base_url; {_AUTHORITIES}", permanent=True)
    told = f"{error} {error.__cause__ or ''}".strip()
    told = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in told)  # it could steer a terminal
    advice = "Check base_url, and that the server runs"
    if any(isinstance(cause, ssl.SSLError) for cause in chain):
        advice = "Check whether base_url begins with http:// or https://"
    return Failure("no connection", f"could not be reached ({told})", advice, retried=True)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
