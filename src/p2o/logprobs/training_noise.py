"""Policies are trained without dropout and router jitter, which the rollouts do not have.

With noise in the update alone, ratios of new to old log-probabilities are far from 1 before anything was learned.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

NOISY = re.compile(r"drop|jitter")  # attention_dropout, drop_prob, layerdrop, resid_pdrop, router_jitter_noise, ...


def remove_training_noise(policy: PreTrainedModel) -> list[str]:
    """Sets every dropout and jitter of the policy to 0, and returns the names of those that were above.

    In its config too, which some layers read as they compute: what is exported says that it was trained without.
    """
    found: set[str] = set()
    for part in (policy.config, *policy.modules()):
        if isinstance(part, nn.modules.dropout._DropoutNd):
            found |= {"dropout"} if part.p else set()
            part.p = 0.0
        for name, value in list(vars(part).items()):
            if NOISY.search(name) and isinstance(value, float) and value > 0:
                found.add(name)
                setattr(part, name, 0.0)
    return sorted(found)


@contextmanager
def without_adapter_dropout(policy: PreTrainedModel) -> Iterator[None]:
    """Sets to 0, within the block, the dropout that adapters have on purpose: any other is a fault."""
    layers = [
        part
        for name, part in policy.named_modules()
        if ".lora_dropout." in name and isinstance(part, nn.modules.dropout._DropoutNd)
    ]
    shares = [layer.p for layer in layers]
    for layer in layers:
        layer.p = 0.0
    try:
        yield
    finally:
        for layer, share in zip(layers, shares, strict=True):
            layer.p = share
