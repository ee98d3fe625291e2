"""The three ways to score a policy's completions, and which of them gives this policy's own log-probabilities."""

from enum import StrEnum
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel

from p2o.logprobs.forward_pass import padded_logps, unpadded_logps
from p2o.logprobs.packable import close, noise, packable, undisturbed
from p2o.logprobs.rope import check_rope


class ScoringPath(StrEnum):
    """How rows are laid out for a forward pass, from the fastest to the plainest."""

    PACKED = "packed"  # one behind the other, shared beginnings once, the fused head
    PADDED = "padded"  # a batch of rows with an attention mask
    UNPADDED = "unpadded"  # one row at a time


_chosen: WeakKeyDictionary[PreTrainedModel, ScoringPath] = WeakKeyDictionary()


def scoring_path(policy: PreTrainedModel) -> ScoringPath:
    """The fastest path on which a short ragged batch has the log-probabilities of the policy's own forward pass.

    Looked for once. `p2o.engines.agreement` tries it at the lengths of a run, and chooses another where it must.

    Raises:
        InputError: The policy's rotary frequencies change with the longest row of a batch.
    """
    if policy not in _chosen:
        check_rope(policy)
        _chosen[policy] = _fastest(policy)
    return _chosen[policy]


def choose_path(policy: PreTrainedModel, path: ScoringPath) -> None:
    """Has the policy scored, and sampled from by its own engine, on this path from now on."""
    _chosen[policy] = path


def same_path(other: PreTrainedModel, policy: PreTrainedModel) -> None:
    """Has another copy of the policy scored as the policy is: what is compared must come from one path."""
    _chosen[other] = scoring_path(policy)


def plainer_paths(path: ScoringPath) -> list[ScoringPath]:
    """This path and those that are left when it does not give the policy's own log-probabilities."""
    paths = list(ScoringPath)
    return paths[paths.index(path) :]


def _fastest(policy: PreTrainedModel) -> ScoringPath:
    if packable(policy):
        return ScoringPath.PACKED
    return ScoringPath.PADDED if _pads_exactly(policy) else ScoringPath.UNPADDED


def _pads_exactly(policy: PreTrainedModel) -> bool:
    """Three ragged rows: in one batch against one by one."""
    size = policy.config.get_text_config().vocab_size
    tokens = (noise(40).abs() * 1000).long() % size
    x, other, *completions = (tuple(part.tolist()) for part in tokens.tensor_split([3, 10, 18, 27]))
    rows = [x, other, x], completions, 1.0
    with undisturbed(policy):
        found, expected = padded_logps(policy, *rows), unpadded_logps(policy, *rows)
    written = torch.arange(expected.shape[1]) < torch.tensor([len(y) for y in completions]).unsqueeze(1)  # [R, T]
    return close(found.cpu()[written], expected.cpu()[written])
