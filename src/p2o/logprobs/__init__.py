"""Log-probabilities of given completions under given prompts, on the fastest path that is right for the policy."""

from p2o.logprobs.completion import completion_logps, completion_logps_and_entropies
from p2o.logprobs.forward_pass import pad
from p2o.logprobs.packed_attention import recompute_activations
from p2o.logprobs.prefixes import Ids
from p2o.logprobs.rope import settle_rope, window_of
from p2o.logprobs.scoring_path import ScoringPath, choose_path, plainer_paths, scoring_path
from p2o.logprobs.training_noise import remove_training_noise

__all__ = [
    "Ids",
    "ScoringPath",
    "choose_path",
    "completion_logps",
    "completion_logps_and_entropies",
    "pad",
    "plainer_paths",
    "recompute_activations",
    "remove_training_noise",
    "scoring_path",
    "settle_rope",
    "window_of",
]
