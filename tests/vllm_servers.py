"""Real vLLM servers on loopback, started as `p2o serve` says, for tests."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from p2o.commands.serving import server_commands
from p2o.engines import SharedFolder, VLLMServers

# A small cache; no compilation, which takes half a minute.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1", "VLLM_NO_USAGE_STATS": "1"}
ON_CPU = ("--enforce-eager", "--max-num-seqs", "64", "--kv-cache-memory-bytes", str(256 * 2**20))


def free_urls(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    urls = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return urls


class ServerProcess:
    """A server, which may be killed and started again on its port."""

    def __init__(self, command, log: Path) -> None:
        self.command, self.url, self.log = command, command.url, log
        self.start()

    def start(self) -> None:
        # Not the command `vllm`: it asks for a package named vllm, and the CPU build is named otherwise.
        words = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", *self.command.words]
        environment = os.environ | ENVIRONMENT | self.command.environment
        with self.log.open("a") as file:
            self.process = subprocess.Popen(
                words, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait(self) -> None:
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()[-5000:]
            time.sleep(0.5)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """-9, the server and all that it has started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


@contextmanager
def serving(
    model: Path | str,
    logs: Path,
    count: int = 1,
    weights=None,
    longest: int = 512,
    further: Sequence[str] = ON_CPU,
    dtype: str = "float32",
) -> Iterator[list[ServerProcess]]:
    engine = VLLMServers(free_urls(count), dtype, weights or SharedFolder())
    commands = server_commands(str(model), engine, longest, further=further)
    servers = [ServerProcess(command, logs / f"server-{number}.txt") for number, command in enumerate(commands)]
    try:
        for server in servers:
            server.wait()
        yield servers
    finally:
        for server in servers:
            server.kill()
