"""The metrics of a run for TensorBoard, by Lightning's logger, whose errors say which files they are about."""

import threading
from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from p2o.io.places import naming


class TensorBoardLog(TensorBoardLogger):
    """Writes TensorBoard's files into a folder of the run.

    TensorBoard writes in a thread of its own and raises what failed there at a later call, without the file's name. The
    traceback that the thread would print before is left out: the run says it in one message.

    Args:
        save_dir: The run folder.
        name: The folder of all versions in it.
    """

    def __init__(self, save_dir: Path, name: str) -> None:
        super().__init__(save_dir, name)
        if getattr(threading.excepthook, "func", None) is not _unless_raised_again:
            threading.excepthook = partial(_unless_raised_again, threading.excepthook)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs numbers; an `OSError` names the folder of the files."""
        with naming(self.log_dir):
            super().log_metrics(metrics, step)

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, metrics: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Logs the resolved config; an `OSError` names the folder of the files."""
        with naming(self.log_dir):
            super().log_hyperparams(params, metrics, step)

    def save(self) -> None:
        """Has everything written; an `OSError` names the folder of the files."""
        with naming(self.log_dir):
            super().save()

    def finalize(self, status: str) -> None:
        """Closes the files; an `OSError` names their folder."""
        with naming(self.log_dir):
            super().finalize(status)


def _unless_raised_again(tell: Callable[[threading.ExceptHookArgs], object], failed: threading.ExceptHookArgs) -> None:
    if type(failed.thread).__name__ != "_AsyncWriterThread":
        tell(failed)
