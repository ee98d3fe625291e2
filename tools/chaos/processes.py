"""Real processes of `p2o fit`, which kill themselves as they are told."""

import gc
import importlib
import json
import mmap
import multiprocessing
import os
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM

from p2o.worlds.bundled import MICRO_POLICY
from tools.chaos.phases import BETWEEN, START, observe

FORK = multiprocessing.get_context("fork")
LAZY = ("p2o.cli.trainer", "p2o.policy.export", "pandas", "pyarrow.parquet", "torch._dynamo", "torch.utils.tensorboard")
SHORT = 0.005  # seconds; a timer would miss a phase that is shorter
PATIENCE = 300.0  # seconds for the other process to end by itself, on a machine that has other work

Durations = dict[str, list[float]]  # of a phase each time, in seconds


@dataclass(frozen=True)
class Kill:
    """When processes of a run are killed.

    Args:
        phase: The phase that the first process must be in, by the name that it begins with.
        number: How many times it has begun before, in that process.
        seconds: After it has begun; a negative number: as it ends.
        victims: Ranks of the processes that are killed.
    """

    phase: str
    number: int
    seconds: float
    victims: tuple[int, ...] = (0,)


class Board:
    """Memory that the processes of a run share with the campaign: their ids, and the phase that is under way."""

    HEAD = struct.Struct("=2q")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def ids(self) -> tuple[int, int]:
        """The processes by their rank; 0 for one that has not been started."""
        first, second = self.HEAD.unpack_from(self._memory)
        return first, second

    @ids.setter
    def ids(self, ids: Sequence[int]) -> None:
        self.HEAD.pack_into(self._memory, 0, *ids, *[0] * (2 - len(ids)))

    @property
    def phase(self) -> str:
        """What the first process is, or was, in the middle of."""
        return self._memory[self.HEAD.size :].rstrip(b"\0").decode()

    @phase.setter
    def phase(self, name: str) -> None:
        self._memory[self.HEAD.size :] = name.encode().ljust(mmap.PAGESIZE - self.HEAD.size, b"\0")


def prepare(words: Sequence[str]) -> None:
    """Does once what takes longer than a run: imports, the parser, and what transformers knows of architectures.

    Each process is a fork of this one, to which nothing of it is new.

    Args:
        words: Of the command line that the processes will have.
    """
    for name in LAZY:
        importlib.import_module(name)
    from p2o.cli.main import main

    with redirect_stdout(StringIO()), suppress(SystemExit):
        main([*words, "--print_config"])
    AutoModelForCausalLM.from_pretrained(MICRO_POLICY)
    gc.freeze()  # no process searches for rubbish among all that


def start(
    words: Sequence[str], log: Path, processes: int, kill: Kill | None = None, trace: str = ""
) -> tuple[str, Any]:
    """Runs `p2o fit` until it ends or is killed.

    Args:
        words: Of its command line.
        log: What it prints is added to this file.
        processes: 1 or 2.
        kill: When it is killed.
        trace: A file for how long each phase lasted each time.

    Returns:
        The phase that was hit, "" if no kill came to pass, and the exit statuses: negative numbers of signals, and
        None for a process that did not end by itself when another one was killed.
    """
    board = Board()
    board.phase = START
    launch = _environment(processes)
    ranks = [
        FORK.Process(target=_fit, args=(list(words), log, board, kill, trace, launch, rank))
        for rank in range(processes)
    ]
    for rank in ranks:
        rank.start()
    board.ids = [rank.pid or 0 for rank in ranks]
    multiprocessing.connection.wait([rank.sentinel for rank in ranks])
    end = time.monotonic() + PATIENCE
    for rank in ranks:
        rank.join(max(0.0, end - time.monotonic()) if kill else None)
    statuses = [rank.exitcode for rank in ranks]
    for rank in ranks:
        rank.kill()
        rank.join()
    victims = kill.victims if kill else ()
    killed = any(statuses[victim] == -signal.SIGKILL for victim in victims)
    return board.phase if killed else "", statuses


def _environment(processes: int) -> dict[str, str]:
    """What torchrun tells each process, its rank aside; nothing for one that is alone."""
    if processes == 1:
        return {}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    size = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "GROUP_RANK": "0"}
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "chaos", **size}


def _fit(
    words: list[str], log: Path, board: Board, kill: Kill | None, trace: str, launch: dict[str, str], rank: int
) -> None:
    """A run in this process."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if launch:
        os.environ |= launch | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    durations: Durations = {}
    if rank == 0:
        watch(board, kill, durations)
    from p2o.cli.main import main

    main(words)
    if trace and rank == 0:
        Path(trace).write_text(json.dumps(durations))


def watch(board: Board, kill: Kill | None, durations: Durations) -> None:
    """Keeps the phase of this process on the board, kills as told, and adds up how long each phase took."""
    begun: Counter[str] = Counter()
    under_way: list[tuple[str, float, int]] = []

    def strike() -> None:
        assert kill is not None
        while not all(ids := [board.ids[victim] for victim in kill.victims]):
            time.sleep(0.001)
        for number in sorted(ids, key=lambda number: number == os.getpid()):  # this one last
            os.kill(number, signal.SIGKILL)

    def begins(phase: str) -> None:
        if under_way and under_way[-1][0] == START:
            ends()
        number, begun[phase] = begun[phase], begun[phase] + 1
        under_way.append((phase, time.monotonic(), number))
        board.phase = phase
        if kill is not None and (phase, number) == (kill.phase, kill.number):
            if kill.seconds == 0:
                strike()
            elif kill.seconds > 0:
                threading.Timer(kill.seconds, strike).start()

    def ends() -> None:
        phase, since, number = under_way[-1]
        if kill is not None and (phase, number) == (kill.phase, kill.number) and kill.seconds < 0:
            strike()
        under_way.pop()
        durations.setdefault(phase, []).append(time.monotonic() - since)
        board.phase = under_way[-1][0] if under_way else BETWEEN

    observe(begins, ends)
    begins(START)
