"""After each rollout: does the engine sample from the weights that are trained?

An engine that keeps a copy of the weights may hold old ones, those of the base model, or half of either, and everything
else in a run looks as it should. A few sampled tokens tell: their log-probabilities by the trainer differ.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from transformers import PreTrainedModel

from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.engines.bounds import bound_of
from p2o.engines.scored import scored
from p2o.errors import InputError
from p2o.logprobs import completion_logps
from p2o.logprobs.shards import is_sharded
from p2o.types import Completion, Prompt

ROWS = 2  # completions that are compared, those of the shortest prompts
TOKENS = 32  # of each, from its beginning


@torch.no_grad()
def check_canary(
    policy: PreTrainedModel,
    engine: RolloutEngine,
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    temperature: float,
) -> None:
    """Compares the engine's log-probabilities of a few tokens with the trainer's, in one small forward pass.

    Args:
        policy: As it is trained, and as the engine should have sampled from it.
        engine: What sampled.
        prompts: Of the completions.
        completions: What the engine returned; without log-probabilities there is nothing to compare.
        temperature: That they were sampled at.

    Raises:
        InputError: They are further apart than the precision of the two explains.
    """
    rows = sorted(range(len(prompts)), key=lambda row: len(prompts[row].ids))[:ROWS]
    ids = [prompts[row].ids for row in rows]
    begun = [
        Completion(completion.ids[:TOKENS], True, completion.logps[:TOKENS])
        for completion in (completions[row] for row in rows)
        if completion.logps is not None
    ]
    if len(begun) < len(rows):  # an engine that gives no log-probs
        begun = []
    # The layers of a sharded policy take all processes: each makes the passes of as many rows, whatever it has itself.
    idle = ROWS - len(begun) if is_sharded(policy) else 0
    if not (begun or idle):
        return
    asked, answered = [*ids[: len(begun)], *[(0,)] * idle], [*begun, *[Completion((0,), True)] * idle]
    by_trainer = scored(policy, completion_logps, asked, answered, temperature)
    if not begun:
        return
    by_engine = torch.tensor([logp for completion in begun for logp in completion.logps or ()])  # [N]
    differences = (by_engine - by_trainer[: len(by_engine)]).abs()  # [N]
    bound = bound_of(policy, temperature, engine.dtype or policy.dtype)
    if not bound.holds(differences):
        raise InputError(
            f"{type(engine).__name__} does not sample from the weights that are trained: expected its log-probs "
            f"of {len(differences)} sampled tokens to be the trainer's but for {bound}, found "
            f"{float(differences.mean()):.3g} in the mean and {float(differences.max()):.3g} at most. The weights it "
            "was given last are old, incomplete or another model's. Start again from the last checkpoint; if it comes "
            "back, take another model.engine, or float32 in it, and report it."
        )


def try_canary(
    policy: PreTrainedModel, engine: RolloutEngine, prompts: Sequence[Prompt], sampling: SamplingParams
) -> None:
    """The same before rollouts that may end when the policy has other weights: a few tokens are sampled for it alone.

    Args:
        policy: As it is trained.
        engine: That is about to sample from it.
        prompts: Of the rollouts, of which the shortest are tried.
        sampling: Of the rollouts.

    Raises:
        InputError: As `check_canary`.
    """
    tried = sorted(prompts, key=lambda prompt: len(prompt.ids))[:ROWS]
    begun = replace(sampling, max_completion_length=min(TOKENS, sampling.max_completion_length))
    completions = engine.generate(policy, tried, begun, "canary")
    check_canary(policy, engine, tried, completions, sampling.temperature)
