"""The servers of an engine, and how they are reached."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from p2o.engines.vllm.servers.server import Server, ServerLostError
from p2o.io.coroutines import run

T = TypeVar("T")

# A node that vanishes closes no connection: the kernel asks after 30 s of silence, and gives up 30 s later.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]
CONNECT_SECONDS = 15


@dataclass(frozen=True)
class ServerGroup:
    """Servers that hold the same model.

    Args:
        urls: Of the servers.
        timeout: Seconds for one request.
        api_key_env: Name of the environment variable with the key; one that is not set means that there is none.
    """

    urls: tuple[str, ...]
    timeout: float
    api_key_env: str

    def session(self) -> aiohttp.ClientSession:
        """What requests are made with, as long as an event loop runs. No proxy is asked: servers are of the cluster."""
        key = os.environ.get(self.api_key_env, "").strip()
        return aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=aiohttp.ClientTimeout(self.timeout, sock_connect=CONNECT_SECONDS),
            # A connection for each request: vLLM closes the one on which something failed, and the next with it.
            connector=aiohttp.TCPConnector(limit=0, force_close=True, socket_factory=_watched_socket),
        )

    def each(self, urls: Iterable[str], work: Callable[[Server], Awaitable[T]]) -> dict[str, T | ServerLostError]:
        """What `work` gives for each of these servers, all at once, or how the server was lost."""
        return run(self._each(list(urls), work))

    async def _each(self, urls: list[str], work: Callable[[Server], Awaitable[T]]) -> dict[str, T | ServerLostError]:
        async def outcome(server: Server) -> T | ServerLostError:
            try:
                return await work(server)
            except ServerLostError as lost:
                return lost

        async with self.session() as http:
            found = await asyncio.gather(*(outcome(Server(url, http)) for url in urls))
        return dict(zip(urls, found, strict=True))


def _watched_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    for option in KEEP_ALIVE:
        made.setsockopt(*option)
    return made
