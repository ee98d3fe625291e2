"""What both sides of `step.py` share: a worker takes a step when it is told to, and says what it cost.

Nothing here imports p2o or trl: the two live in virtual environments of their own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Clock:
    """Wall and CPU seconds of a step, and of the generation in it."""

    def __init__(self) -> None:
        self.generation = 0.0
        self.generation_cpu = 0.0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Counts the calls of a function as generation."""

        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (any function)
            wall, cpu = time.perf_counter(), time.process_time()
            result = function(*args, **kwargs)
            self.generation += time.perf_counter() - wall
            self.generation_cpu += time.process_time() - cpu
            return result

        return counted

    def begin(self) -> None:
        """Waits for the word, then starts to count."""
        print("@ready", flush=True)
        if not sys.stdin.readline():  # whoever told us is gone
            sys.exit()
        self.generation = self.generation_cpu = 0.0
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # peak memory counts from here
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def end(self, tokens: int) -> None:
        """Says what the step cost; `tokens` of completions."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        cost = {
            "step": wall,
            "generation": self.generation,
            "training": wall - self.generation,
            "step_cpu": cpu,
            "generation_cpu": self.generation_cpu,
            "training_cpu": cpu - self.generation_cpu,
            "peak_gb": int(status.split("VmHWM:")[1].split()[0]) / 1e6,
            "tokens": tokens,
        }
        print("@" + json.dumps(cost), flush=True)


def rewards(prompts: list[str], signal: float) -> list[float]:
    """1 and 0 in turn in the first share `signal` of the questions, 0 in the others: groups without variance."""
    questions = list(dict.fromkeys(prompts))
    lively = questions[: round(signal * len(questions))]
    seen = dict.fromkeys(questions, 0)
    result = []
    for prompt in prompts:
        seen[prompt] += 1
        result.append(float(prompt in lively and seen[prompt] % 2))
    return result
