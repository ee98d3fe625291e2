"""What is logged of a rollout batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lightning import LightningModule

from p2o.distributed.processes import gather
from p2o.rollouts.zero_variance import zero_std_shares
from p2o.types import Outcome, Rollout


def rollout_metrics(groups: Sequence[Sequence[Rollout]]) -> dict[str, float]:
    """Mean reward, outcome kinds and lengths over all rollouts; shares are 0-1."""
    rollouts = [rollout for group in groups for rollout in group]
    outcomes = Counter(rollout.grade.outcome for rollout in rollouts)
    lengths = [len(rollout.completion.ids) for rollout in rollouts]
    return {
        "train/reward": sum(rollout.reward for rollout in rollouts) / len(rollouts),
        "train/completion_length": sum(lengths) / len(lengths),
        "train/templated": sum(bool(rollout.template) for rollout in rollouts) / len(rollouts),
        **{f"outcome/{outcome}": outcomes[outcome] / len(rollouts) for outcome in Outcome},
    }


def log_rollouts(
    module: LightningModule,
    train: Sequence[Sequence[Rollout]],
    dropped: Sequence[Sequence[Rollout]] = (),
    figures: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Logs the metrics of a rollout batch, and figures that its sampler adds, by step and as means of the epoch.

    A mean over rollouts counts every rollout of every process equally: groups and processes have different numbers of
    them where a sampler asks again. What it dropped of a group that it trains on is no group of its own.

    Args:
        module: Logs them.
        train: The groups that are trained on.
        dropped: Rollouts that are not: whole groups, or those that others have replaced.
        figures: Of the sampler.
    """
    groups, asked = [*train, *dropped], {group[0].question.id for group in train}
    whole = [*train, *(group for group in dropped if group[0].question.id not in asked)]
    count = sum(map(len, groups))
    for mine, weight in ((rollout_metrics(groups), count), ({**zero_std_shares(whole), **figures}, len(whole))):
        means, total = weighted_means(gather((mine, weight)))
        module.log_dict(means, batch_size=total, on_step=True, on_epoch=True, sync_dist=True)
    everyones = gather([(bool(rollout.template), rollout.correct) for group in groups for rollout in group])
    found = context_accuracies([pair for pairs in everyones for pair in pairs])
    for name, (accuracy, count) in found.items():
        module.log(f"train/accuracy_{name}", accuracy, batch_size=count, on_step=False, on_epoch=True, sync_dist=True)


def forget_last_step(module: LightningModule) -> None:
    """Forgets the figures that are of one step alone: where the next step has none, Lightning would log them again."""
    for metric in (module.trainer._results or {}).values():
        if metric.meta.on_step and not metric.meta.on_epoch:
            metric.has_reset = True


def weighted_means(parts: Sequence[tuple[Mapping[str, float], int]]) -> tuple[dict[str, float], int]:
    """The means over all parts, given those of each part and over how many things they are, and how many all are."""
    total = sum(count for _, count in parts)
    return {name: sum(means[name] * (count / total) for means, count in parts) for name in parts[0][0]}, total


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
