"""Log-probabilities of given completions under given prompts: packed where the policy allows it, else padded."""

from p2o.logprobs.completion import completion_logps, completion_logps_and_entropies
from p2o.logprobs.packed_attention import recompute_activations
from p2o.logprobs.padded import pad
from p2o.logprobs.prefixes import Ids

__all__ = ["Ids", "completion_logps", "completion_logps_and_entropies", "pad", "recompute_activations"]
