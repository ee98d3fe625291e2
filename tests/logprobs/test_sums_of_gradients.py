"""Gradients of tokens that appear many times do not stop growing where their type is bfloat16.

torch adds up in float32 on a CPU, and in the type of the tensors by atomics on CUDA, where 256 + 1 is 256.
"""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from p2o.logprobs.packed_attention import _to_rows
from p2o.logprobs.packing import pack
from p2o.logprobs.tied_embedding import TiedGradient, embed

TIMES = 1000
TYPES = (torch.bfloat16, torch.float32, torch.float64)


class Added(TorchDispatchMode):
    """Notes in what types rows are added to one place more than once."""

    def __init__(self):
        super().__init__()
        self.types = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.index_add_.default and len(args[2].unique()) < len(args[2]):
            self.types += [args[0].dtype, args[3].dtype]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", TYPES)
def test_a_frequent_token_has_the_whole_gradient_of_a_tied_weight(dtype):
    embedding = nn.Embedding(3, 4, dtype=dtype)
    rows = embed(embedding, torch.tensor([1] * TIMES + [2]), TiedGradient()).sum()
    with Added() as added:
        rows.backward()
    assert added.types == [torch.promote_types(dtype, torch.float32)] * 2
    assert embedding.weight.grad.dtype == dtype
    assert embedding.weight.grad[:, 0].tolist() == [0.0, TIMES, 1.0]


@pytest.mark.parametrize("dtype", TYPES)
def test_a_prompt_of_many_completions_has_the_whole_gradient_of_its_keys(dtype):
    packed = pack([(1, 2)] * TIMES, [(3, 4)] * TIMES)
    keys = torch.ones(len(packed.ids), 1, 2, dtype=dtype, requires_grad=True)
    rows = _to_rows(keys, packed).sum()
    with Added() as added:
        rows.backward()
    assert added.types == [torch.promote_types(dtype, torch.float32)] * 2
    assert keys.grad.dtype == dtype
    assert keys.grad[:3, 0, 0].tolist() == [TIMES, TIMES, 1.0]
