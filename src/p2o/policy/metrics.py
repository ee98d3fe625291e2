"""What is logged of a rollout batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lightning import LightningModule

from p2o.distributed.processes import gather
from p2o.rollouts.zero_variance import zero_std_shares
from p2o.types import Outcome, Rollout


def rollout_metrics(groups: Sequence[Sequence[Rollout]]) -> dict[str, float]:
    """Mean reward, accuracy by context, outcome kinds, lengths and zero-variance groups by cause; shares are 0-1."""
    rollouts = [rollout for group in groups for rollout in group]
    outcomes = Counter(rollout.grade.outcome for rollout in rollouts)
    lengths = [len(rollout.completion.ids) for rollout in rollouts]
    return {
        "train/reward": sum(rollout.reward for rollout in rollouts) / len(rollouts),
        "train/completion_length": sum(lengths) / len(lengths),
        "train/templated": sum(bool(rollout.template) for rollout in rollouts) / len(rollouts),
        **{f"outcome/{outcome}": outcomes[outcome] / len(rollouts) for outcome in Outcome},
        **zero_std_shares(groups),
    }


def log_rollouts(
    module: LightningModule, groups: Sequence[Sequence[Rollout]], figures: Mapping[str, float] = MappingProxyType({})
) -> None:
    """Logs the metrics of a rollout batch, and figures that its sampler adds, by step and as means of the epoch."""
    metrics = {**rollout_metrics(groups), **figures}
    module.log_dict(metrics, batch_size=len(groups), on_step=True, on_epoch=True, sync_dist=True)
    everyones = gather([(bool(rollout.template), rollout.correct) for group in groups for rollout in group])
    found = context_accuracies([pair for pairs in everyones for pair in pairs])
    for name, (accuracy, count) in found.items():
        module.log(f"train/accuracy_{name}", accuracy, batch_size=count, on_step=False, on_epoch=True, sync_dist=True)


def context_accuracies(rollouts: Sequence[tuple[bool, bool]]) -> dict[str, tuple[float, int]]:
    """Accuracy (0-1) and number of bare and of templated rollouts; a context without rollouts is left out.

    Args:
        rollouts: Of all processes; of each whether it was templated, and whether it is correct.
    """
    parts = {
        "bare": [correct for templated, correct in rollouts if not templated],
        "templated": [correct for templated, correct in rollouts if templated],
    }
    return {name: (sum(part) / len(part), len(part)) for name, part in parts.items() if part}


def validation_metric(context: str, difficulty: str) -> str:
    """The name of a greedy accuracy (0-1)."""
    return f"val/{context}/{difficulty}"
