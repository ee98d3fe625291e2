"""Log-probabilities and entropies of given completions under given prompts, by the fastest exact way."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from p2o.logprobs.forward_pass import (
    padded_logps,
    padded_logps_and_entropies,
    unpadded_logps,
    unpadded_logps_and_entropies,
)
from p2o.logprobs.fused_head import fused_logps
from p2o.logprobs.packed_attention import packed_hidden
from p2o.logprobs.packing import pack
from p2o.logprobs.prefixes import Ids
from p2o.logprobs.scoring_path import ScoringPath, scoring_path
from p2o.logprobs.shards import is_sharded
from p2o.logprobs.tied_embedding import TiedGradient, embed, is_tied


def completion_logps(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> Tensor:
    """log π(y_t | prompt, y_<t) at a temperature [R, T]; T: the longest completion; what lies beyond y is arbitrary.

    What several prompts begin with costs as much as one of them; padding costs nothing, and only completion tokens
    reach the head. Policies that cannot be scored so are scored in padded batches, or row by row (`scoring_path`).
    """
    match scoring_path(policy):
        case ScoringPath.PACKED:
            return _packed(policy, prompts, completions, temperature, entropy=False)[0]
        case ScoringPath.PADDED:
            return padded_logps(policy, prompts, completions, temperature)
        case ScoringPath.UNPADDED:
            return unpadded_logps(policy, prompts, completions, temperature)


def completion_logps_and_entropies(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float
) -> tuple[Tensor, Tensor]:
    """`completion_logps` [R, T], and the entropy (nats) of the distribution that each token was drawn from [R, T]."""
    match scoring_path(policy):
        case ScoringPath.PACKED:
            return _packed(policy, prompts, completions, temperature, entropy=True)
        case ScoringPath.PADDED:
            return padded_logps_and_entropies(policy, prompts, completions, temperature)
        case ScoringPath.UNPADDED:
            return unpadded_logps_and_entropies(policy, prompts, completions, temperature)


def _packed(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float, entropy: bool
) -> tuple[Tensor, Tensor]:
    score = policy.score_packed if is_sharded(policy) else partial(packed_scores, policy)
    logps, entropies = score(prompts, completions, temperature, entropy)
    return logps, entropies


def packed_scores(
    policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids], temperature: float, entropy: bool
) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies [R, T] of packed rows, the latter zero unless they are asked for."""
    packed = pack(prompts, completions).to(policy.device)
    weight = policy.get_output_embeddings().weight
    tied = TiedGradient() if is_tied(policy) and weight.requires_grad else None
    embedded = None if tied is None else embed(policy.get_input_embeddings(), packed.ids, tied)  # [N, H]
    hidden = packed_hidden(policy, packed, embedded)[packed.predictors]  # [C, H]
    both = fused_logps(hidden, weight, packed.targets, temperature, entropy, tied)
    logps, entropies = (pad_sequence(flat.split(packed.lengths), batch_first=True) for flat in both)
    return logps, entropies
