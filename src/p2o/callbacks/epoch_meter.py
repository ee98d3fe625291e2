"""The figures of an epoch: its pace, its validation, its evolution and what was spent."""

import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from p2o.distributed.unions import summed
from p2o.evolution.callback import TemplateEvolution
from p2o.policy.checkpoints.place import logged_step
from p2o.policy.module import PolicyModule
from p2o.types import Rollout

History = dict[str, dict[str, float] | None]  # {"bare": {"easy": 0.98, "hard": 0.01}, "templated": None}
TOO_MANY_TRUNCATED = 1 / 3
MOST_OF_THE_GAP = 1 / 2


class EpochMeter:
    """Counts the completions of an epoch, their tokens, and those that the length limit cut off, on this process."""

    def __init__(self) -> None:
        self._counts = {"completions": 0, "tokens": 0, "truncated": 0, "templated": 0}

    def add(self, rollouts: Sequence[Rollout]) -> dict[str, int]:
        """Counts the rollouts of a step, and says what they came to."""
        step = {
            "completions": len(rollouts),
            "tokens": sum(len(rollout.completion.ids) for rollout in rollouts),
            "truncated": sum(rollout.completion.truncated for rollout in rollouts),
            "templated": sum(bool(rollout.template) for rollout in rollouts),
        }
        self._counts = {name: count + step[name] for name, count in self._counts.items()}
        return step

    def state_dict(self) -> dict[str, int]:
        """The counts of this epoch so far."""
        return dict(self._counts)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on counting an epoch of a resumed run."""
        self._counts |= state

    @property
    def templated(self) -> bool:
        """Whether any completion of any process was sampled under a template; all processes must ask."""
        return summed(self._counts)["templated"] > 0

    def figures(self, seconds: Mapping[str, float]) -> dict[str, Any]:
        """The epoch's figures over all processes, which must all ask for them.

        Args:
            seconds: Of the epoch, by phase.
        """
        counts = summed(self._counts)
        sampling = seconds.get("rollouts", 0.0)
        return {
            "phase_seconds": {phase: round(value, 2) for phase, value in seconds.items()},
            "tokens_per_second": round(counts["tokens"] / sampling, 1) if sampling else None,
            "truncated": round(counts["truncated"] / max(1, counts["completions"]), 6),
            "memory_peak_gib": round(memory_peak(), 2),
        }


def memory_peak() -> float:
    """The most memory that this process has held so far, in GiB: of its GPU if it has one, else of the machine."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def log_pace(trainer: Trainer, pace: Mapping[str, Any]) -> None:
    """Logs the pace of an epoch: seconds by phase, tokens a second, memory, and the run's goodput so far."""
    metrics = {f"seconds/{phase.replace(' ', '_')}": value for phase, value in pace["phase_seconds"].items()}
    for name in ("tokens_per_second", "memory_peak_gib", "goodput"):
        if pace.get(name) is not None:
            metrics[f"pace/{name}"] = pace[name]
    for logger in trainer.loggers:
        logger.log_metrics(metrics | {"epoch": trainer.current_epoch}, logged_step(trainer))


def warn_of_truncation(epoch: int, share: float) -> None:
    """Says so if the length limit cut off more than a third of an epoch's completions."""
    if share > TOO_MANY_TRUNCATED:
        rank_zero_warn(
            f"epoch {epoch}: the length limit cut off {share:.0%} of the training completions; one without its answer "
            "counts as wrong. Raise model.max_completion_length, or have the policy write less (SoftOverlong, an "
            "instruction)."
        )


def warn_of_masked_gap(epoch: int, share: Tensor | None) -> None:
    """Says so if the context mask kept most of what an epoch's templates changed from the gradient.

    Args:
        epoch: Its number.
        share: `context/masked_gap` (0-1); None if no completion was sampled under a template.
    """
    if share is not None and share > MOST_OF_THE_GAP:
        rank_zero_warn(
            f"epoch {epoch}: the context mask left out {float(share):.0%} of what templates change in the policy's "
            "log-probabilities, so that the bare policy learns little of it. If bare accuracy stays behind templated "
            "accuracy, set model.context.init_args.low to 0, or take Replace; `p2o report` shows which templates."
        )


def spent_so_far(module: LightningModule) -> dict[str, dict[str, int]]:
    """Completions and their tokens by phase, of all processes of a distributed run together."""
    assert isinstance(module, PolicyModule)
    return {name: summed(counts) for name, counts in module.counts.state_dict().items()}


def evolved(trainer: Trainer, epoch: int) -> dict[str, Any]:
    """Size of the bank and best dev score of the evolution after an epoch; 0 and None if there was none."""
    reports = next(callback.reports for callback in trainer.callbacks if isinstance(callback, TemplateEvolution))  # type: ignore[attr-defined]
    report = next((report for report in reports if report["epoch"] == epoch), {"bank": 0, "best_dev_score": None})
    return {"templates": report["bank"], "best_dev_score": report["best_dev_score"]}


def with_evolution(epoch: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, Any]:
    """Seconds of an epoch with those of its evolution, which a resumed run has made up for.

    Args:
        epoch: Its figures so far.
        seconds: Of the epoch and of what followed it, by phase.
    """
    phases = epoch["phase_seconds"]
    added = {phase: seconds.get(phase, 0.0) - phases.get(phase, 0.0) for phase in ("evolution", "reflection")}
    more = {phase: value for phase, value in added.items() if value > 0}
    return {
        "seconds": round(epoch["seconds"] + sum(more.values()), 2),
        "phase_seconds": phases | {phase: round(phases.get(phase, 0.0) + value, 2) for phase, value in more.items()},
    }


def validation_accuracies(metrics: Any, validated: bool) -> History:  # noqa: ANN401 (Lightning's mapping of tensors)
    """`val/<context>/<difficulty>` metrics as nested dicts; a context that was not validated is None.

    Args:
        metrics: Of the Trainer, which keeps those of the last validation, however long ago.
        validated: Whether that was in this epoch.
    """
    found: History = {"bare": None, "templated": None}
    for name, value in metrics.items() if validated else ():
        if name.startswith("val/"):
            _, context, difficulty = name.split("/", 2)
            found[context] = {**(found[context] or {}), difficulty: round(float(value), 6)}
    return found
