"""Rollouts as groups: K of each question."""

from collections.abc import Sequence

import torch
from torch import Tensor

from p2o.types import MixtureItem, Rollout

Group = Sequence[Rollout]  # K rollouts of one question


def group_rollouts(rollouts: Sequence[Rollout], samples: Sequence[MixtureItem]) -> list[Sequence[Rollout]]:
    """Rollouts in the order of their samples -> one group for each sample."""
    stream = iter(rollouts)
    return [[next(stream) for _ in sample.templates] for sample in samples]


def prompt_numbers(groups: Sequence[Sequence[Rollout]]) -> Tensor:
    """G groups of K rollouts -> [G, K]; equal numbers in a row are rollouts under the same prompt."""
    prompts = [[rollout.prompt_ids for rollout in group] for group in groups]
    return torch.tensor([[group.index(prompt) for prompt in group] for group in prompts])
