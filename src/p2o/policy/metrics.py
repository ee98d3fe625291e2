"""What is logged of a rollout batch."""

from collections import Counter
from collections.abc import Sequence

from lightning import LightningModule

from p2o.rollouts.zero_variance import zero_std_shares
from p2o.types import Outcome, Rollout


def rollout_metrics(groups: Sequence[Sequence[Rollout]]) -> dict[str, float]:
    """Mean reward, accuracy by context, outcome kinds, lengths and groups without signal; shares are 0-1."""
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


def log_rollouts(module: LightningModule, groups: Sequence[Sequence[Rollout]]) -> None:
    """Logs the metrics of a rollout batch, step by step and as means of the epoch."""
    module.log_dict(rollout_metrics(groups), batch_size=len(groups), on_step=True, on_epoch=True, sync_dist=True)
    for context, (accuracy, count) in context_accuracies([r for group in groups for r in group]).items():
        module.log(f"train/accuracy_{context}", accuracy, batch_size=count, on_step=False, on_epoch=True)


def context_accuracies(rollouts: Sequence[Rollout]) -> dict[str, tuple[float, int]]:
    """Accuracy (0-1) and number of bare and of templated rollouts; a context without rollouts is left out."""
    parts = {
        "bare": [rollout.correct for rollout in rollouts if not rollout.template],
        "templated": [rollout.correct for rollout in rollouts if rollout.template],
    }
    return {name: (sum(part) / len(part), len(part)) for name, part in parts.items() if part}


def validation_metric(context: str, difficulty: str) -> str:
    """The name of a greedy accuracy (0-1)."""
    return f"val/{context}/{difficulty}"
