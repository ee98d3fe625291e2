"""Continuous batching: a step writes one token a row, finished rows leave, waiting ones take their places."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.engines.base import SamplingParams
from p2o.engines.kv_cache import RowCache, stack
from p2o.engines.prefill import read
from p2o.engines.token_sampling import choose, draw_numbers
from p2o.logprobs.forward_pass import accepted
from p2o.types import Completion, Prompt

PREFILL = 16384  # tokens of prompts that are read at once, at most
LEAVE = 8  # finished rows leave when they are one in so many: each departure copies the cache


@dataclass
class SequenceState:
    """A completion that is being written: its draws, and what it has so far."""

    index: int  # of its prompt
    draws: Tensor  # [T]
    ids: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    done: bool = False


@dataclass
class Batch:
    """N rows that are written together, with their cache of L columns, aligned on the right."""

    rows: list[SequenceState]
    cache: RowCache
    mask: Tensor  # [N, L]
    logits: Tensor  # [N, V], of each row's next token

    def keep(self, places: Sequence[int]) -> None:
        """Keeps the rows at these places, and the columns that they use."""
        chosen = torch.tensor(places, device=self.mask.device)
        self.rows = [self.rows[place] for place in places]
        first = int(self.mask[chosen].any(0).to(torch.uint8).argmax())
        self.mask, self.logits = self.mask[chosen, first:], self.logits[chosen]
        self.cache.keep(chosen, first)

    def join(self, other: "Batch") -> None:
        """Adds the rows of another batch to this one."""
        self.rows = self.rows + other.rows
        self.cache.join(other.cache)
        self.mask, self.logits = stack(self.mask, other.mask, dim=1), torch.cat([self.logits, other.logits])


@torch.no_grad()
def decode(
    policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, size: int, eos: Sequence[int]
) -> Iterator[tuple[int, Completion]]:
    """Completions with the indices of their prompts, as they end; at most `size` are written at a time.

    For policies with full causal attention in every layer.
    """
    waiting = sorted(range(len(prompts)), key=lambda index: (len(prompts[index].ids), prompts[index].ids), reverse=True)
    batch: Batch | None = None
    while waiting or batch:
        room = size - (len(batch.rows) if batch else 0)
        if waiting and (batch is None or room >= size / LEAVE):
            fresh = [
                SequenceState(i, draw_numbers(prompts[i].seed, sampling.max_completion_length)) for i in waiting[:room]
            ]
            waiting = waiting[room:]
            for part in _prefill(policy, prompts, fresh):
                batch = part if batch is None else _joined(batch, part)
        assert batch is not None
        yield from _write(batch, sampling, eos)
        going = [place for place, row in enumerate(batch.rows) if not row.done]
        if not going:
            batch = None
            continue
        if len(going) <= len(batch.rows) * (1 - 1 / LEAVE):
            batch.keep(going)
        _advance(policy, batch)


def _joined(batch: Batch, other: Batch) -> Batch:
    batch.join(other)
    return batch


def _prefill(policy: PreTrainedModel, prompts: Sequence[Prompt], rows: Sequence[SequenceState]) -> Iterator[Batch]:
    """Batches of rows that have read their prompts; rows of the same prompt stand together, the longest come first."""
    copies: dict[tuple[int, ...], list[SequenceState]] = {}
    for row in rows:
        copies.setdefault(prompts[row.index].ids, []).append(row)
    distinct = list(copies)
    while distinct:
        count = max(1, PREFILL // len(distinct[0]))
        part, distinct = distinct[:count], distinct[count:]
        places = [place for place, prompt in enumerate(part) for _ in copies[prompt]]
        yield Batch([row for prompt in part for row in copies[prompt]], *read(policy, part, places))


def _write(batch: Batch, sampling: SamplingParams, eos: Sequence[int]) -> Iterator[tuple[int, Completion]]:
    """Chooses the next token of each row, and yields the completions that end with it."""
    steps = [min(len(row.ids), len(row.draws) - 1) for row in batch.rows]
    draws = torch.stack([row.draws[step] for row, step in zip(batch.rows, steps, strict=True)])
    tokens, logps = choose(batch.logits, draws.to(batch.logits.device), sampling.temperature)
    for row, token, logp in zip(batch.rows, tokens.tolist(), logps.tolist(), strict=True):
        if row.done:
            continue
        row.ids.append(token)
        row.logps.append(logp)
        row.done = token in eos or len(row.ids) == sampling.max_completion_length
        if row.done:
            yield row.index, Completion(tuple(row.ids), token not in eos, tuple(row.logps))


def _advance(policy: PreTrainedModel, batch: Batch) -> None:
    """Has the policy read the tokens just written, which gives the logits of the next ones."""
    device = batch.mask.device
    # Rows that are done and have not left yet go nowhere: beyond the window there may be no position, and with dynamic
    # RoPE one such row would turn those of all others.
    done = torch.tensor([[row.done] for row in batch.rows], device=device)  # [N, 1]
    positions = batch.mask.sum(1, keepdim=True).masked_fill(done, 0)  # [N, 1]
    batch.mask = torch.cat([batch.mask, torch.ones(len(batch.rows), 1, dtype=torch.bool, device=device)], dim=1)
    batch.logits = policy(
        input_ids=torch.tensor([row.ids[-1:] for row in batch.rows], device=device),
        attention_mask=batch.mask,
        **accepted(policy, position_ids=positions, cache=batch.cache),
    ).logits[:, -1]
