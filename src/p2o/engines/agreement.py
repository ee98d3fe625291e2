"""Before a run: are the log-probabilities of engine and trainer those of the policy's own forward pass?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from p2o.distributed.processes import gather
from p2o.engines.base import RolloutEngine, SamplingParams, completions_checked
from p2o.engines.bounds import BOUNDS, Bound, bound_of
from p2o.engines.generation_settings import ignored_settings
from p2o.engines.scored import scored
from p2o.errors import InputError
from p2o.logprobs import ScoringPath, choose_path, completion_logps, plainer_paths, scoring_path
from p2o.logprobs.forward_pass import unpadded_logps
from p2o.logprobs.shards import is_sharded
from p2o.logprobs.training_noise import without_adapter_dropout
from p2o.types import Prompt

SHORT = (3, 17, 40)  # tokens of ragged prompts that every policy is tried on
WRITTEN = 8  # tokens of a completion: a row crosses a threshold in its middle
FARTHEST = 4224  # tokens of the longest row that is tried, however far a threshold lies: 4096 is a common window
NAMES = ("window", "chunk", "original_max_position", "block_size", "local_attention")  # what a config calls thresholds
SEED = 14
EXACT = BOUNDS[torch.float32]


@dataclass(frozen=True)
class Agreement:
    """What was found, for the run to go by.

    Args:
        path: On which the policy is scored from now on.
        exact: Whether the engine's log-probabilities are the policy's own but for float32 rounding, so that they serve
            as those of π_old.
        line: Says so on the console.
    """

    path: ScoringPath
    exact: bool
    line: str


@dataclass(frozen=True)
class Found:
    """By how much log-probabilities differ from the policy's own, in nats, for each sampled token."""

    engine: Tensor  # [N]; empty if the engine gives none
    trainer: Tensor  # [N]

    def within(self, engine: Bound, trainer: Bound) -> bool:
        """Whether both agree with the policy's own forward pass."""
        return (not len(self.engine) or engine.holds(self.engine)) and trainer.holds(self.trainer)

    def __str__(self) -> str:
        by_engine = f"{float(self.engine.max()):.2g}" if len(self.engine) else "gives none"
        return f"engine {by_engine}, trainer {float(self.trainer.max()):.2g}"


@torch.no_grad()
def agreement(policy: PreTrainedModel, engine: RolloutEngine, longest: int, temperature: float = 1.0) -> Agreement:
    """Finds the path on which the policy is scored from now on, and one line that says which and why.

    A few short completions are sampled by the engine, after ragged prompts and after ones that end right before the
    places where the config says that something changes (windows, chunks, the first length of a scaled rope). Their
    log-probabilities by the engine and by the trainer are held against the policy's own forward pass, row by row. Where
    they are too far apart, the next plainer path is tried. The processes of a run decide together.

    Args:
        policy: As it is trained, in training mode too.
        engine: Of the run.
        longest: Tokens of a prompt and its completion at most; thresholds beyond are not tried.
        temperature: Of the rollouts.

    Raises:
        InputError: No path agrees, or the policy computes otherwise in training mode.
    """
    with without_adapter_dropout(policy):  # it shows once they change something
        return _agreement(policy, engine, longest, temperature)


def _agreement(policy: PreTrainedModel, engine: RolloutEngine, longest: int, temperature: float) -> Agreement:
    _check_training_mode(policy, bound_of(policy, 1.0))
    if ignored := ignored_settings(policy):
        rank_zero_warn(ignored)
    lengths = _lengths(policy.config, longest)
    first = scoring_path(policy)
    bounds = bound_of(policy, temperature, engine.dtype or policy.dtype), bound_of(policy, temperature)
    tried: list[str] = []
    for path in plainer_paths(first):
        choose_path(policy, path)
        found = _differences(policy, engine, lengths, longest, temperature)
        if all(gather(found.within(*bounds))):
            if path is ScoringPath.UNPADDED and is_sharded(policy):
                raise InputError(
                    f"{_named(policy)}: expected a model that can be scored in batches where trainer.strategy keeps "
                    "it in shards, since all processes make as many passes. This one is scored a row at a time. Train "
                    "it without shards."
                )
            line = _line(policy, path, tried, lengths, found, bounds[0])
            return Agreement(path, all(gather(found.within(EXACT, EXACT))) and engine.exact_logps, line)
        tried.append(f"{path} ({found})")
    raise InputError(
        f"{_named(policy)}: expected the log-probabilities of {type(engine).__name__} and of the trainer to be those "
        f"of its own forward pass, but for {bounds[0]}, on rows of up to {max(lengths) + WRITTEN} tokens. The largest "
        f"differences in nats were: {'; '.join(tried)}. Gradients would be wrong. Take another model.engine, another "
        "precision or another model."
    )


def _line(
    policy: PreTrainedModel, path: ScoringPath, tried: Sequence[str], lengths: Sequence[int], found: Found, bound: Bound
) -> str:
    why = f"{', '.join(tried)} did not agree; " if tried else ""
    return (
        f"Log-probs of {policy.config.model_type}: {path} path; {why}{found} nats from its own forward pass at most, "
        f"on rows of {min(lengths)} to {max(lengths) + WRITTEN} tokens (bound: {bound})."
    )


def _named(policy: PreTrainedModel) -> str:
    return f"model.model: {policy.name_or_path!r} ({policy.config.model_type})"


def _lengths(config: PreTrainedConfig, longest: int) -> list[int]:
    """Tokens of the prompts to try: ragged short ones, and some that end right before a threshold."""
    room = min(longest, FARTHEST) - WRITTEN
    near = [threshold - WRITTEN // 2 for threshold in thresholds(config)]
    beyond = [2 * threshold + 3 for threshold in thresholds(config) if threshold <= 256]
    lengths = sorted({length for length in (*SHORT, *near, *beyond) if 0 < length <= room}) or [max(1, room)]
    return [*lengths, lengths[0]]  # two of them are equal


def thresholds(config: PreTrainedConfig) -> list[int]:
    """Lengths at which the config says that attention or positions change."""
    return sorted({value for value in _numbers(config.get_text_config().to_dict()) if value > 1})


def _numbers(values: dict[str, object]) -> Iterator[int]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif type(value) is int and any(part in name for part in NAMES):
            yield value


def _differences(
    policy: PreTrainedModel, engine: RolloutEngine, lengths: Sequence[int], longest: int, temperature: float
) -> Found:
    size = policy.config.get_text_config().vocab_size
    generator = torch.Generator().manual_seed(SEED)
    ids = [tuple(torch.randint(size, (length,), generator=generator).tolist()) for length in lengths]
    prompts = [Prompt(prompt, seed) for seed, prompt in enumerate(ids)]
    sampling = SamplingParams(temperature, min(WRITTEN, max(1, longest - min(lengths))))
    generated = engine.generate(policy, prompts, sampling, "log-probs are compared")
    completions = completions_checked(engine, len(prompts), generated)
    own = scored(policy, unpadded_logps, ids, completions, temperature)
    trainer = scored(policy, completion_logps, ids, completions, temperature)
    by_engine = torch.tensor([logp for completion in completions for logp in completion.logps or ()])
    return Found((by_engine - own).abs() if len(by_engine) else by_engine, (trainer - own).abs())


def _check_training_mode(policy: PreTrainedModel, bound: Bound) -> None:
    """The update runs in training mode, the rollouts do not."""
    rows = [tuple(range(1, 9))], [tuple(range(9, 17))], 1.0
    was_training = policy.training
    try:
        policy.eval()
        expected = unpadded_logps(policy, *rows)
        policy.train()
        found = unpadded_logps(policy, *rows)
    finally:
        policy.train(was_training)
    if not bound.holds((found - expected).abs().flatten()):
        raise InputError(
            f"{_named(policy)} computes other log-probabilities in training mode, by up to "
            f"{float((found - expected).abs().max()):.2g} nats, though dropout and jitter are off. Rollouts would not "
            "be of the policy that is updated. Set what adds noise in training to 0 in its config.json."
        )
