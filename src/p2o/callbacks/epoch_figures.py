"""What the summary of an epoch says of validation, evolution and what was spent."""

from typing import Any

from lightning import LightningModule, Trainer

from p2o.distributed.unions import summed
from p2o.evolution.callback import TemplateEvolution
from p2o.policy.module import PolicyModule

History = dict[str, dict[str, float] | None]  # {"bare": {"easy": 0.98, "hard": 0.01}, "templated": None}


def spent_so_far(module: LightningModule) -> dict[str, dict[str, int]]:
    """Completions and their tokens by phase, of all processes of a distributed run together."""
    assert isinstance(module, PolicyModule)
    return {name: summed(counts) for name, counts in module.counts.state_dict().items()}


def evolved(trainer: Trainer, epoch: int) -> dict[str, Any]:
    """Size of the bank and best dev score of the evolution after an epoch; 0 and None if there was none."""
    reports = next(callback.reports for callback in trainer.callbacks if isinstance(callback, TemplateEvolution))  # type: ignore[attr-defined]
    report = next((report for report in reports if report["epoch"] == epoch), {"bank": 0, "best_dev_score": None})
    return {"templates": report["bank"], "best_dev_score": report["best_dev_score"]}


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
