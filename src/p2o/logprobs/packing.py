"""Lays rows out one behind the other, without padding and with each distinct prefix of their prompts once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from p2o.logprobs.prefixes import Ids, share_prefixes


@dataclass(frozen=True)
class Packed:
    """N tokens of R rows: prefixes of prompts, and completions but for their last token, which predicts nothing.

    Attention needs rows back: `rows` says where each row's tokens lie, so that a prefix appears in all of its rows.
    """

    ids: Tensor  # [N]
    positions: Tensor  # [N], in its own row
    rows: Tensor  # [R, L], indices into N, padded on the right with 0
    places: Tensor  # [N], where a token stands in the flattened rows; of a prefix's, in the first of its rows
    again: Tensor  # [M], the places of the other appearances of prompt tokens
    again_of: Tensor  # [M], whose they are, indices into N
    predictors: Tensor  # [C], the tokens before each completion token, row by row
    targets: Tensor  # [C], ids of the completion tokens
    lengths: list[int]  # R completion lengths, C in all

    def to(self, device: torch.device) -> "Packed":
        """Returns the same rows with their tensors on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return Packed(**moved, lengths=self.lengths)


def pack(prompts: Sequence[Ids], completions: Sequence[Ids]) -> Packed:
    """Lays out R rows; prompts and completions are not empty."""
    ids, positions, shared = share_prefixes(prompts)
    rows: list[Tensor] = []
    predictors: list[Tensor] = []
    for prompt, completion in zip(prompts, completions, strict=True):
        own = range(len(ids), len(ids) + len(completion) - 1)
        rows.append(torch.tensor([*shared[prompt], *own]))
        predictors.append(rows[-1][len(prompt) - 1 :])
        ids += completion[:-1]
        positions += range(len(prompt), len(prompt) + len(own))
    width = max(len(row) for row in rows)  # L
    tokens = torch.cat(rows)
    standing = torch.cat([torch.arange(len(row)) + number * width for number, row in enumerate(rows)])
    places = torch.full((len(ids),), len(rows) * width).scatter_reduce(0, tokens, standing, "amin")
    again = places[tokens] != standing
    return Packed(
        ids=torch.tensor(ids),
        positions=torch.tensor(positions),
        rows=pad_sequence(rows, batch_first=True),
        places=places,
        again=standing[again],
        again_of=tokens[again],
        predictors=torch.cat(predictors),
        targets=torch.tensor([token for completion in completions for token in completion]),
        lengths=[len(completion) for completion in completions],
    )
