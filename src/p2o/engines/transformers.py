"""Rollouts by transformers, sampled from one seed per completion."""

from collections.abc import Sequence
from functools import partial

from transformers import PreTrainedModel

from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.engines.continuous_batching import decode
from p2o.engines.generation_settings import eos_token_ids
from p2o.engines.transformers_generate import generate
from p2o.errors import InputError
from p2o.logprobs.onednn_linear import packed_weights
from p2o.logprobs.rope import settled_window
from p2o.logprobs.scoring_path import ScoringPath, scoring_path
from p2o.logprobs.shards import whole
from p2o.progress import task
from p2o.types import Completion, Prompt


class TransformersEngine(RolloutEngine):
    """Samples with the policy itself, on its own device.

    Log-probabilities are those of the sampling distribution; of greedy completions, those at temperature 1.

    Args:
        batch_size: Completions that are written at a time, at most; as some end, others begin.
    """

    exact_logps = True

    def __init__(self, batch_size: int = 256) -> None:
        if batch_size < 1:
            raise InputError(f"engine.batch_size must be at least 1, got {batch_size}.")
        self.batch_size = batch_size

    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in order; see `RolloutEngine.generate`."""
        check_window(policy, prompts, sampling)
        completions: dict[int, Completion] = {}
        was_training = policy.training
        policy.eval()
        path = scoring_path(policy)
        write = decode if path is ScoringPath.PACKED else partial(generate, padded=path is ScoringPath.PADDED)
        with whole(policy), task(title, len(prompts), "rollout") as sampled, packed_weights(policy):
            for index, completion in write(policy, prompts, sampling, self.batch_size, eos_token_ids(policy)):
                completions[index] = completion
                sampled.advance(1)
        policy.train(was_training)
        return [completions[index] for index in range(len(prompts))]


def check_window(policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams) -> None:
    """Refuses prompts that leave no room for a whole completion.

    Raises:
        InputError: Some prompt and its completion exceed the model's window.
    """
    window = settled_window(policy)
    longest = max((len(prompt.ids) for prompt in prompts), default=0)
    if longest + sampling.max_completion_length > window:
        raise InputError(
            f"A prompt of {longest} tokens and a completion of up to {sampling.max_completion_length} do not fit into "
            f"the model's window of {window} tokens. Shorten the prompt or lower max_completion_length."
        )
