"""Rollouts with transformers' own `generate`, sampled from one seed per completion."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from p2o.engines.base import RolloutEngine, Sampling
from p2o.errors import InputError
from p2o.progress import task
from p2o.types import Completion, Prompt


class SeededChoice(LogitsProcessor):
    """Chooses each row's next token with that row's own random numbers, and keeps its log-probability.

    `generate` has one generator for the whole batch, so a completion would depend on its neighbours. Here the choice is
    made by inverting the distribution function at a number drawn from the row's seed, and `generate` is left to take
    the only token that still has a chance.
    """

    def __init__(self, seeds: Sequence[int], sampling: Sampling, device: torch.device) -> None:
        self.temperature = sampling.temperature
        draws = [
            torch.rand(sampling.max_completion_length, generator=torch.Generator().manual_seed(seed)) for seed in seeds
        ]
        self.draws = torch.stack(draws, dim=1).to(device, torch.float64)  # [T, N]
        self.logps: list[Tensor] = []  # T times [N]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores [N, V] in which only the chosen token is possible."""
        logps = (scores.float() / (self.temperature or 1.0)).log_softmax(-1)  # [N, V]
        if self.temperature == 0:
            chosen = logps.argmax(-1, keepdim=True)  # [N, 1]
        else:
            # float64: the sum over a vocabulary of 150,000 in float32 loses the rare tokens.
            cdf = logps.double().exp().cumsum(-1)  # [N, V]
            draw = self.draws[len(self.logps)].unsqueeze(-1) * cdf[:, -1:]  # [N, 1]
            chosen = torch.searchsorted(cdf, draw, right=True)  # [N, 1]; right: never a token of probability 0
        self.logps.append(logps.gather(-1, chosen).squeeze(-1))
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen, 0.0)


class TransformersEngine(RolloutEngine):
    """Samples with `generate` of transformers on the policy's own device.

    Log-probabilities are those of the sampling distribution; of greedy completions, those at temperature 1.

    Args:
        batch_size: Completions that are sampled together, at most.
    """

    def __init__(self, batch_size: int = 256) -> None:
        if batch_size < 1:
            raise InputError(f"engine.batch_size must be at least 1, got {batch_size}.")
        self.batch_size = batch_size

    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: Sampling, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in order; see `RolloutEngine.generate`."""
        check_window(policy, prompts, sampling)
        completions: dict[int, Completion] = {}
        was_training = policy.training
        policy.eval()
        with task(title, len(prompts), "rollout") as sampled:
            for indices in self._batches(prompts):
                batch = [prompts[index] for index in indices]
                completions.update(zip(indices, self._generate(policy, batch, sampling), strict=True))
                sampled.advance(len(indices))
        policy.train(was_training)
        return [completions[index] for index in range(len(prompts))]

    def _batches(self, prompts: Sequence[Prompt]) -> Iterator[list[int]]:
        """Indices of prompts of like length, so that little is padded."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].ids))
        return (order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size))

    @torch.no_grad()
    def _generate(self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        eos = eos_token_ids(policy)
        width = max(len(prompt.ids) for prompt in prompts)
        ids = torch.full((len(prompts), width), eos[0])  # [N, P], padded on the left; the mask, not the id, says where
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt.ids) :] = torch.tensor(prompt.ids)
            mask[row, width - len(prompt.ids) :] = 1
        choice = SeededChoice([prompt.seed for prompt in prompts], sampling, policy.device)
        output = policy.generate(
            ids.to(policy.device),
            attention_mask=mask.to(policy.device),
            logits_processor=LogitsProcessorList([choice]),
            generation_config=GenerationConfig(
                max_new_tokens=sampling.max_completion_length,
                do_sample=False,
                num_beams=1,
                repetition_penalty=1.0,  # the model's own generation config must not bend the distribution
                no_repeat_ngram_size=0,
                eos_token_id=eos,
                pad_token_id=eos[0],
            ),
        )
        tokens = output[:, width:].tolist()  # [N, T]
        logps = torch.stack(choice.logps, dim=1).tolist()  # [N, T]
        return [_until_eos(*row, eos) for row in zip(tokens, logps, strict=True)]


def eos_token_ids(policy: PreTrainedModel) -> list[int]:
    """The ids that end a completion."""
    eos = policy.generation_config.eos_token_id
    if eos is None:
        raise InputError(
            f"The generation config of {policy.name_or_path!r} names no eos_token_id, so no completion would ever end."
        )
    return [eos] if isinstance(eos, int) else list(eos)


def check_window(policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: Sampling) -> None:
    """Refuses prompts that leave no room for a whole completion.

    Raises:
        InputError: Some prompt and its completion exceed the model's window.
    """
    window = policy.config.get_text_config().max_position_embeddings
    longest = max((len(prompt.ids) for prompt in prompts), default=0)
    if longest + sampling.max_completion_length > window:
        raise InputError(
            f"A prompt of {longest} tokens and a completion of up to {sampling.max_completion_length} do not fit into "
            f"the model's window of {window} tokens. Shorten the prompt or lower max_completion_length."
        )


def _until_eos(ids: list[int], logps: list[float], eos: list[int]) -> Completion:
    """The tokens up to the first eos; none in sight means that the length limit cut the completion."""
    end = next((position + 1 for position, token in enumerate(ids) if token in eos), None)
    return Completion(ids=tuple(ids[:end]), truncated=end is None, logps=tuple(logps[:end]))
