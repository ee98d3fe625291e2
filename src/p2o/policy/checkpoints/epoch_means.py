"""The means that an epoch has logged so far: Lightning keeps them in memory and leaves them out of checkpoints."""

from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.trainer.connectors.logger_connector.result import _Metadata, _ResultMetric, _Sync

_PLAIN = ("fx", "name", "prog_bar", "logger", "on_step", "on_epoch", "enable_graph", "add_dataloader_idx")


def epoch_means(trainer: Trainer) -> list[dict[str, Any]]:
    """What this process has logged since the epoch began, in plain types and tensors."""
    results = trainer.fit_loop.epoch_loop._results
    return [
        {name: vars(metric.meta)[name] for name in _PLAIN}
        | {
            "reduce": metric.meta.reduce_fx.__name__,
            "sync": metric.meta.sync.should,
            "rank_zero_only": metric.meta.sync.rank_zero_only,
            "value": metric.value.detach().cpu().clone(),
            "count": int(metric.cumulated_batch_size) if metric.meta.is_mean_reduction else 0,
            "step": None if metric._forward_cache is None else metric._forward_cache.detach().cpu().clone(),
        }
        for metric in results.values()
        if metric.is_tensor and not metric.has_reset
    ]


def restore_epoch_means(trainer: Trainer, states: list[dict[str, Any]]) -> None:
    """Goes on with these means: called once the Trainer is ready to train, before its first step."""
    device = trainer.strategy.root_device
    for state in states:
        meta = _Metadata(**{name: state[name] for name in _PLAIN}, reduce_fx=getattr(torch, state["reduce"]))
        # As `LightningModule.log` makes it: Lightning compares both.
        meta.sync = _Sync(_should=state["sync"], fn=trainer.strategy.reduce, rank_zero_only=state["rank_zero_only"])
        metric = _ResultMetric(meta, is_tensor=True).to(device)
        metric.value = state["value"].to(device)
        if meta.is_mean_reduction:
            metric.cumulated_batch_size = torch.tensor(state["count"], device=device)
        metric._forward_cache = None if state["step"] is None else state["step"].to(device)
        metric._update_count = 1  # or it warns that it never was given a value
        trainer.fit_loop.epoch_loop._results[f"{meta.fx}.{meta.name}"] = metric
    # Or it takes the next batch for the first of the epoch, and begins anew.
    trainer._logger_connector._first_loop_iter = False


def callback_metrics(trainer: Trainer) -> dict[str, torch.Tensor]:
    """What callbacks can monitor, such as the accuracies of the last validation."""
    return {name: value.detach().cpu().clone() for name, value in trainer._logger_connector._callback_metrics.items()}


def restore_callback_metrics(trainer: Trainer, metrics: dict[str, torch.Tensor]) -> None:
    """Shows callbacks what they could monitor before."""
    device = trainer.strategy.root_device
    trainer._logger_connector._callback_metrics.update({name: value.to(device) for name, value in metrics.items()})
