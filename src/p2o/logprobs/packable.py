"""Decides which policies can be scored packed, by a check of the policy itself; where in doubt, it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from p2o.logprobs.packed_attention import UnknownAttentionError, packed_hidden
from p2o.logprobs.packing import pack

_verdicts: WeakKeyDictionary[PreTrainedModel, bool] = WeakKeyDictionary()


def packable(policy: PreTrainedModel) -> bool:
    """Whether packed rows and the fused head give this policy's own log-probabilities.

    Asked of its config, which must promise full causal attention through transformers' attention interface and a head
    without bias, and then of the policy itself: its head must be its weight alone (no soft-capping, no scale), and its
    hidden states must be the same packed and one by one.
    """
    if policy not in _verdicts:
        _verdicts[policy] = promises(policy) and _head_is_its_weight(policy) and _packs_exactly(policy)
    return _verdicts[policy]


def promises(policy: PreTrainedModel) -> bool:
    """Whether its config and the kind of its head let it be packed; a policy without values can be asked, too."""
    config, head = policy.config, policy.get_output_embeddings()
    return (
        policy._supports_attention_backend
        and policy.base_model is not policy
        and policy.base_model.config is config
        and set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
        and getattr(config, "sliding_window", None) is None
        and type(head) is nn.Linear  # not an adapter's
        and head.bias is None
    )


def _head_is_its_weight(policy: PreTrainedModel) -> bool:
    """Puts large hidden states before the head, so that a soft cap shows even if the policy has small ones."""
    weight = policy.get_output_embeddings().weight
    hidden = 30 * noise(3 * weight.shape[1]).reshape(1, 3, -1).to(weight)

    def swap(module: nn.Module, args: object, output: dict[str, Tensor]) -> dict[str, Tensor]:
        output["last_hidden_state"] = hidden
        return output

    hook = policy.base_model.register_forward_hook(swap)
    try:
        with undisturbed(policy):
            ids = torch.zeros(1, 3, dtype=torch.long, device=weight.device)
            return close(policy(input_ids=ids, use_cache=False).logits, hidden @ weight.t())
    finally:
        hook.remove()


def _packs_exactly(policy: PreTrainedModel) -> bool:
    """Two prompts, three rows: packed against one by one."""
    tokens = (noise(40).abs() * 1000).long() % len(policy.get_output_embeddings().weight)
    x, other, *completions = (tuple(part.tolist()) for part in tokens.tensor_split([3, 10, 18, 27]))
    prompts = [x, other, x]
    packed = pack(prompts, completions).to(policy.device)
    with undisturbed(policy):
        try:
            hidden = packed_hidden(policy, packed)  # [N, H]
        except UnknownAttentionError:
            return False
        for prompt, completion, places in zip(prompts, completions, packed.rows, strict=True):
            ids = torch.tensor([prompt + completion[:-1]], device=policy.device)
            alone = policy.base_model(input_ids=ids, use_cache=False).last_hidden_state[0]
            if not close(hidden[places[: len(alone)]], alone):
                return False
    return True


@contextmanager
def undisturbed(policy: PreTrainedModel) -> Iterator[None]:
    """Without gradient, dropout and autocast; the policy is left as it was."""
    was_training = policy.training
    policy.eval()
    try:
        with torch.no_grad(), torch.autocast(policy.device.type, enabled=False):
            yield
    finally:
        policy.train(was_training)


def noise(count: int) -> Tensor:
    """Normal numbers that leave torch's global generator alone, [count]."""
    return torch.randn(count, generator=torch.Generator().manual_seed(0))


def close(found: Tensor, expected: Tensor) -> bool:
    """Equal but for rounding, at the precision of their type."""
    tolerance = torch.finfo(expected.dtype).eps ** 0.5
    return torch.allclose(found, expected, rtol=tolerance, atol=tolerance * float(expected.abs().max()))
