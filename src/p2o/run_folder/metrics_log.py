"""The metrics of a run as CSV, by Lightning's logger, in a file that stays whole."""

import csv
import os
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from p2o.errors import InputError
from p2o.io.files import replacing


class MetricsLog(CSVLogger):
    """Writes `metrics.csv` and `hparams.yaml`, and each row at once, so that a killed run keeps what it had logged.

    Args:
        save_dir: The run folder.
        name: The folder of all versions in it.
    """

    def __init__(self, save_dir: Path, name: str) -> None:
        super().__init__(save_dir, name, flush_logs_every_n_steps=1)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401 (Lightning's writer, or a stub on other processes)
        """Writes the files of this version."""
        if self._experiment is None:
            os.makedirs(self.root_dir, exist_ok=True)
            self._experiment = WholeWriter(self.log_dir)
        return self._experiment


class WholeWriter(ExperimentWriter):
    """Lightning's writer empties the file and writes all rows anew when there is a metric that it did not have yet.

    A kill or a full disk at this moment would lose them.
    """

    def save(self) -> None:
        """Writes what was logged since the last time.

        Raises:
            InputError: The disk is full, or the file cannot be written.
        """
        known = list(self.metrics_keys)
        try:
            super().save()
        except (OSError, InputError) as error:
            self.metrics_keys = known  # the file may have its old header, under which no longer row belongs
            if isinstance(error, InputError):
                raise
            path, reason = self.metrics_file_path, error.strerror or error
            raise InputError(f"{path}: expected a file that can be written: {reason}.") from error

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=fieldnames)
            writer.writeheader()
            writer.writerows(rows)
