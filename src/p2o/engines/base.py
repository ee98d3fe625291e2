"""What a rollout engine is: it is given token ids and returns token ids."""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from p2o.contracts import listed, name_of
from p2o.errors import InputError
from p2o.io.coroutines import Running
from p2o.progress import task
from p2o.types import Completion, Prompt

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class SamplingParams:
    """How completions are sampled from the policy's distribution.

    Args:
        temperature: 0 is greedy.
        max_completion_length: Tokens at most, eos included; a completion that reaches it without eos is truncated.
    """

    temperature: float
    max_completion_length: int


class RolloutEngine(ABC):
    """Samples completions from a policy.

    `exact_logps`: whether the log-probabilities it returns are the policy's own but for float32 rounding, so that they
    serve as π_old and need no pass of the trainer's. `processes`: how many processes of the run hold one model together
    and must all call it, each with prompts of its own or with none. `dtype`: of the engine's own copy of the weights,
    which it takes by `full_tensors` alone, as the policy may lie in files; None if it samples with the policy itself.
    `room`: tokens of a prompt and its completion at most that it was made for; 0: as many as the model's window has.
    """

    exact_logps: bool = False
    processes: int = 1
    dtype: torch.dtype | None = None
    room: int = 0

    def fitting(self, window: int) -> int:
        """Tokens of a prompt and its completion at most, of a model with this window."""
        return min(window, self.room or window)

    @abstractmethod
    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in the order of the prompts, from the policy's present weights.

        A prompt's seed decides its draws: the same prompt, seed and weights give the same completion; K rollouts of a
        question are K prompts with the same ids and different seeds. `title` names the work in the progress bar.

        A signal may end it anywhere. What the processes of a run do together in it, such as `full_tensors` of a policy
        in shards, stands within `p2o.distributed.preemption.uninterrupted`: else one would wait for one that has ended.
        """

    def check(self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        """Refuses, before a run loads its weights, what the engine cannot sample from; by default nothing.

        All processes of a run call it together. `longest` is the number of tokens of a prompt and its completion at
        most.

        Raises:
            InputError: Says what was expected.
        """
        return


def completions_checked(engine: RolloutEngine, count: int, came: object) -> list[Completion]:
    """What an engine has generated for so many prompts, each completion with tokens, in tuples.

    Raises:
        InputError: There are more or fewer completions, or one has no token or other numbers of log-probabilities.
    """
    place = name_of(engine, "generate")
    completions = listed(place, came, f"a completion for each of {count} prompts")
    if len(completions) != count:
        raise InputError(f"{place}: expected a completion for each of {count} prompts, got {len(completions)}.")
    return [_completion(place, number, completion) for number, completion in enumerate(completions)]


def _completion(place: str, number: int, completion: object) -> Completion:
    if not isinstance(completion, Completion):
        raise InputError(f"{place}: expected a p2o.types.Completion for prompt {number}, got {completion!r:.100}.")
    if not isinstance(completion.ids, tuple):
        completion = replace(completion, ids=tuple(map(operator.index, completion.ids)))
    if completion.logps is not None and not isinstance(completion.logps, tuple):
        completion = replace(completion, logps=tuple(map(float, completion.logps)))
    if not completion.ids:
        raise InputError(f"{place}: expected a token or more, such as eos, for prompt {number}, got none.")
    if completion.logps and len(completion.logps) != len(completion.ids):
        raise InputError(
            f"{place}: expected as many log-probabilities as tokens ({len(completion.ids)}) for prompt {number}, got "
            f"{len(completion.logps)}. Return none where the engine does not know them."
        )
    return completion


class Submitted:
    """Completions that are being sampled elsewhere.

    They are given up when nobody holds this object any more.

    Args:
        sampling: Samples them, in a thread of its own.
        total: How many there will be.
        done: Says how many there are.
        ended: Called once they were waited for, whatever came of them.
    """

    def __init__(
        self,
        sampling: Coroutine[Any, Any, list[Completion]],
        total: int,
        done: Callable[[], int],
        ended: Callable[[], None],
    ) -> None:
        self._running = Running(sampling)
        self._total, self._done, self._ended = total, done, ended

    def wait(self, title: str) -> list[Completion]:
        """The completions, in the order of their prompts, once all are there; `title` names the wait.

        Raises:
            InputError: What the engine's `generate` would have raised.
        """
        try:
            with task(title, self._total, "rollout", self._done()) as shown:
                while not self._running.ended(POLL_SECONDS):
                    shown.advance(self._done() - shown.done)
                completions = self._running.result()
                shown.advance(self._done() - shown.done)
            return completions
        finally:
            self._running.cancel()
            self._ended()

    def settle(self) -> None:
        """Waits until nothing is sampled any more; what came of it is kept for `wait`."""
        self._running.ended()


class BackgroundEngine(RolloutEngine):
    """An engine that samples elsewhere, so that this process may train meanwhile."""

    @abstractmethod
    def submit(self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams) -> Submitted:
        """Begins one completion for each prompt, from the policy's present weights, which may change from then on.

        Everything else is as in `generate`. Before other weights are sent, the engine waits for what this process has
        submitted; the processes of a run must all have theirs before one of them asks for other weights.
        """
