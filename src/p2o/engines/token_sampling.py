"""Chooses tokens with each row's own random numbers, so that a completion does not depend on its neighbours."""

import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 512


def draw_numbers(seed: int, count: int) -> Tensor:
    """The random numbers of one completion, [count] in [0, 1)."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def choose(logits: Tensor, draws: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Returns tokens [N] and their log-probabilities [N] under the sampling distribution; greedy ones at temperature 1.

    The distribution function is inverted at a number drawn from the row's seed, first over blocks of the vocabulary
    and then within one. Sums are float64: over a vocabulary of 150,000 those of float32 would lose the rare tokens.

    Args:
        logits: [N, V].
        draws: [N], in [0, 1).
        temperature: 0 is greedy.
    """
    scaled = logits.float() / (temperature or 1.0)  # [N, V]
    top = scaled.amax(1, keepdim=True)  # [N, 1]
    weights = (scaled - top).exp()
    blocks = pad(weights, (0, -weights.shape[1] % BLOCK)).unflatten(1, (-1, BLOCK))  # [N, B, BLOCK]
    sums = blocks.sum(2, dtype=torch.float64)  # [N, B]
    upto = _cumulated(sums)
    total = upto[:, -1:]  # [N, 1]
    if temperature == 0:
        tokens = logits.argmax(1, keepdim=True)  # [N, 1]
    else:
        target = draws.double().unsqueeze(1) * total
        block = _first_above(upto, target)  # [N, 1]
        within = blocks[torch.arange(len(blocks), device=blocks.device), block.squeeze(1)].double()  # [N, BLOCK]
        tokens = block * BLOCK + _first_above(_cumulated(within), target - (upto - sums).gather(1, block))
    logps = scaled.gather(1, tokens) - top - total.log()
    return tokens.squeeze(1), logps.squeeze(1).float()


def _cumulated(values: Tensor) -> Tensor:
    """The cumulative sums of each row [N, C]; on the CPU where torch must be deterministic: on CUDA it would refuse."""
    if torch.are_deterministic_algorithms_enabled():
        return values.cpu().cumsum(1).to(values.device)
    return values.cumsum(1)


def _first_above(upto: Tensor, target: Tensor) -> Tensor:
    """The first place where a cumulative sum [N, C] exceeds the target [N, 1]; never one of weight 0."""
    found = torch.searchsorted(upto, target, right=True)
    last = (upto < upto[:, -1:]).sum(1, keepdim=True)  # where rounding has the target reach the whole sum
    return torch.minimum(found, last)
