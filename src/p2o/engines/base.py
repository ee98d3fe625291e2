"""What a rollout engine is: it is given token ids and returns token ids."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from p2o.types import Completion, Prompt


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
    """

    exact_logps: bool = False
    processes: int = 1
    dtype: torch.dtype | None = None

    @abstractmethod
    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in the order of the prompts, from the policy's present weights.

        A prompt's seed decides its draws: the same prompt, seed and weights give the same completion; K rollouts of a
        question are K prompts with the same ids and different seeds. `title` names the work in the progress bar.
        """

    def check(self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        """Refuses, before a run loads its weights, what the engine cannot sample from; by default nothing.

        All processes of a run call it together. `longest` is the number of tokens of a prompt and its completion at
        most.

        Raises:
            InputError: Says what was expected.
        """
        return
