"""How far the policy has moved from where training began, on completions that it has just sampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.logprobs import completion_logps, scoring_path
from p2o.objective.micro_batches import by_tokens
from p2o.objective.regularizers import k3
from p2o.types import Rollout


@dataclass(frozen=True)
class KLSum:
    """The sum of KL(π_θ ‖ π_0) over tokens of completions, by k3, in nats, and how many tokens they are."""

    total: float = 0.0
    tokens: int = 0

    def __add__(self, other: "KLSum") -> "KLSum":
        return KLSum(self.total + other.total, self.tokens + other.tokens)

    @property
    def mean(self) -> float:
        """Of a token."""
        return self.total / self.tokens


@torch.no_grad()
def kl_to_start(
    start: PreTrainedModel, rollouts: Sequence[Rollout], temperature: float, micro_batch_tokens: int
) -> list[KLSum]:
    """The distance on each rollout, from the engine's log-probs and one pass of the policy before training.

    Args:
        start: The policy before training, whole on this process.
        rollouts: Of the policy as it is, at the temperature; there may be none.
        temperature: Of both policies.
        micro_batch_tokens: Tokens of one forward pass at most.

    Raises:
        InputError: The engine tells no log-probabilities.
    """
    pairs = [(rollout.prompt_ids, rollout.completion.ids) for rollout in rollouts]
    found = [KLSum()] * len(rollouts)
    for part in by_tokens(pairs, micro_batch_tokens, scoring_path(start)):
        prompts, completions = zip(*(pairs[place] for place in part), strict=True)
        lines = completion_logps(start, prompts, completions, temperature)  # [R, T]
        for place, line in zip(part, lines, strict=True):
            logps = rollouts[place].completion.logps
            if logps is None:
                raise InputError("fixed_questions.kl: expected an engine that tells the log-probabilities of tokens.")
            sampled = torch.tensor(logps, device=line.device)  # [T]
            found[place] = KLSum(float(k3(sampled, line[: len(logps)]).sum()), len(logps))
    return found
