"""Rows laid out one behind the other, without padding and each distinct prompt once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """N tokens of R rows: distinct prompts, and completions but for their last token, which predicts nothing.

    Attention needs rows back: `rows` says where each row's tokens lie, so that a prompt appears in all of its rows.
    """

    ids: Tensor  # [N]
    positions: Tensor  # [N], in its own row
    rows: Tensor  # [R, L], indices into N, padded on the right with 0
    places: Tensor  # [N], where a token stands in the flattened rows; of a prompt's, in the first of its rows
    again: Tensor  # [M], the places of the other appearances of prompt tokens
    again_of: Tensor  # [M], whose they are, indices into N
    predictors: Tensor  # [C], the tokens before each completion token, row by row
    targets: Tensor  # [C], ids of the completion tokens
    lengths: list[int]  # R completion lengths, C in all

    def to(self, device: torch.device) -> "Packed":
        """The same on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return Packed(**moved, lengths=self.lengths)


def pack(prompts: Sequence[Ids], completions: Sequence[Ids]) -> Packed:
    """Lays out R rows; prompts and completions are not empty."""
    starts: dict[Ids, int] = {}  # of each distinct prompt
    ids: list[int] = []
    positions: list[Tensor] = []
    rows: list[Tensor] = []
    places: list[Tensor] = []
    again: list[Tensor] = []
    again_of: list[Tensor] = []
    predictors: list[Tensor] = []
    width = max(len(p) + len(c) for p, c in zip(prompts, completions, strict=True)) - 1  # L
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        here = torch.arange(len(prompt)) + row * width
        if prompt in starts:
            shared = torch.arange(len(prompt)) + starts[prompt]
            again.append(here)
            again_of.append(shared)
        else:
            starts[prompt] = len(ids)
            shared = torch.arange(len(prompt)) + len(ids)
            ids += prompt
            positions.append(torch.arange(len(prompt)))
            places.append(here)
        own = torch.arange(len(completion) - 1)
        positions.append(own + len(prompt))
        places.append(own + row * width + len(prompt))
        rows.append(torch.cat([shared, own + len(ids)]))
        predictors.append(rows[-1][len(prompt) - 1 :])
        ids += completion[:-1]
    nothing = torch.empty(0, dtype=torch.long)
    return Packed(
        ids=torch.tensor(ids),
        positions=torch.cat(positions),
        rows=pad_sequence(rows, batch_first=True),
        places=torch.cat(places),
        again=torch.cat([nothing, *again]),
        again_of=torch.cat([nothing, *again_of]),
        predictors=torch.cat(predictors),
        targets=torch.tensor([token for completion in completions for token in completion]),
        lengths=[len(completion) for completion in completions],
    )
