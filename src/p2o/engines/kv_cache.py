"""A key-value cache for continuous batching, whose rows come and go."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import Cache, DynamicLayer

SLACK = 64  # columns that are allocated ahead: appending one then copies nothing


class RowLayer(DynamicLayer):
    """Keys and values [N, G, L, D] of one layer, aligned on the right, as views of a buffer that is wider."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401 (transformers' signature)
        """Appends columns in place, and returns the keys and values of all columns."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
            self.place(key_states, value_states)
        else:
            length, new = self.keys.shape[2], key_states.shape[2]
            if length + new > self._keys.shape[2]:
                self.place(self.keys, self.values, new)
            self._keys[:, :, length : length + new] = key_states
            self._values[:, :, length : length + new] = value_states
            self._show(length + new)
        return self.keys, self.values

    def place(self, keys: Tensor, values: Tensor, ahead: int = 0) -> None:
        """Copies keys and values into a buffer of their own, with room for more columns."""
        self._keys, self._values = (pad(tensor, (0, 0, 0, SLACK + ahead)) for tensor in (keys, values))
        self._show(keys.shape[2])

    def _show(self, length: int) -> None:
        self.keys, self.values = self._keys[:, :, :length], self._values[:, :, :length]


class RowCache(Cache):
    """The keys and values of all rows in every layer of a policy."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=RowLayer)

    def keep(self, rows: Tensor, first: int) -> None:
        """Keeps these rows [n], in this order and perhaps more than once, from column `first` on."""
        for layer in self.layers:
            layer.place(layer.keys[rows, :, first:], layer.values[rows, :, first:])

    def spread(self, packed: Cache, columns: Tensor) -> None:
        """Takes its first keys and values from the one row of a packed cache: of tokens `columns` [n, L]."""
        for index, layer in enumerate(packed.layers):
            tokens = (states[0].transpose(0, 1) for states in (layer.keys, layer.values))  # [N, G, D] each
            self.update(*(states[columns].transpose(1, 2) for states in tokens), index)

    def join(self, other: "RowCache") -> None:
        """Adds the rows of another cache below its own."""
        for layer, more in zip(self.layers, other.layers, strict=True):
            layer.place(stack(layer.keys, more.keys, dim=2), stack(layer.values, more.values, dim=2))


def stack(above: Tensor, below: Tensor, dim: int) -> Tensor:
    """Rows on rows; the shorter along `dim` is filled with zeros on its left."""
    length = max(above.shape[dim], below.shape[dim])
    before = (0, 0) * (above.dim() - dim - 1)
    return torch.cat([pad(part, (*before, length - part.shape[dim], 0)) for part in (above, below)])
