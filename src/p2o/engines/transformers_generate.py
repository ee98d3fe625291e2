"""Rollouts with transformers' own `generate`, for policies that `continuous_batching` does not know how to cache."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from p2o.engines.base import SamplingParams
from p2o.engines.token_sampling import choose, draw_numbers
from p2o.types import Completion, Prompt


class SeededChoice(LogitsProcessor):
    """Chooses each row's next token, keeps its log-probability, and leaves `generate` no other token to take."""

    def __init__(self, prompts: Sequence[Prompt], sampling: SamplingParams, device: torch.device) -> None:
        self.temperature = sampling.temperature
        draws = [draw_numbers(prompt.seed, sampling.max_completion_length) for prompt in prompts]
        self.draws = torch.stack(draws, dim=1).to(device)  # [T, N]
        self.logps: list[Tensor] = []  # T times [N]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores [N, V] in which only the chosen token is possible."""
        chosen, logps = choose(scores, self.draws[len(self.logps)], self.temperature)
        self.logps.append(logps)
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen.unsqueeze(-1), 0.0)


@torch.no_grad()
def generate(
    policy: PreTrainedModel,
    prompts: Sequence[Prompt],
    sampling: SamplingParams,
    size: int,
    eos: Sequence[int],
    padded: bool = True,
) -> Iterator[tuple[int, Completion]]:
    """Completions with the indices of their prompts, in batches of at most `size` prompts of like length.

    One by one if the policy cannot be `padded`: what of it is not right beside rows of other lengths may not be right
    beside any (RWKV's state in transformers 5.24).
    """
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].ids))
    size = size if padded else 1
    with _own_distribution(policy, eos):
        for start in range(0, len(order), size):
            indices = order[start : start + size]
            batch = [prompts[index] for index in indices]
            yield from zip(indices, _batch(policy, batch, sampling, list(eos)), strict=True)


@contextmanager
def _own_distribution(policy: PreTrainedModel, eos: Sequence[int]) -> Iterator[None]:
    """Within, the policy's generation config names its eos tokens and nothing else.

    `generate` fills what a call leaves open from there: penalties, suppressed and forced tokens, beams, ...
    """
    before = policy.generation_config
    policy.generation_config = GenerationConfig(eos_token_id=list(eos), pad_token_id=eos[0])
    try:
        yield
    finally:
        policy.generation_config = before


def _batch(
    policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, eos: list[int]
) -> Iterator[Completion]:
    width = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), width), eos[0])  # [N, P], padded on the left; the mask, not the id, says where
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask[row, width - len(prompt.ids) :] = 1
    choice = SeededChoice(prompts, sampling, policy.device)
    output = policy.generate(
        ids.to(policy.device),
        attention_mask=mask.to(policy.device),
        logits_processor=LogitsProcessorList([choice]),
        max_new_tokens=sampling.max_completion_length,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        synced_gpus=False,  # transformers would have the processes of a sharded policy write in step; it is whole here
    )
    tokens = output[:, width:].tolist()  # [N, T]
    logps = torch.stack(choice.logps, dim=1).tolist()  # [N, T]
    return (_until_eos(*row, eos) for row in zip(tokens, logps, strict=True))


def _until_eos(ids: list[int], logps: list[float], eos: Sequence[int]) -> Completion:
    """The tokens up to the first eos; none in sight means that the length limit cut the completion."""
    end = next((position + 1 for position, token in enumerate(ids) if token in eos), None)
    return Completion(ids=tuple(ids[:end]), truncated=end is None, logps=tuple(logps[:end]))
