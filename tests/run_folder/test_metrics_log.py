import csv

import pytest

from full_disk import full_disk
from p2o.errors import InputError
from p2o.run_folder.metrics_log import MetricsLog


def test_a_disk_that_is_full_when_a_new_metric_comes_loses_no_row(tmp_path):
    """Lightning's own writer empties the file before it writes all rows anew, and goes on under the old header."""
    log = MetricsLog(tmp_path, "logs")
    log.log_metrics({"b": 1.0}, step=0)
    path = tmp_path / "logs" / "version_0" / "metrics.csv"
    before = path.read_text()
    with (
        full_disk(),
        pytest.raises(InputError, match=r"metrics.csv: expected .* written: File too large"),
    ):
        log.log_metrics({"a": 5.0, "b": 2.0}, step=1)
    assert path.read_text() == before
    with full_disk(), pytest.raises(InputError, match=r"metrics.csv"):
        log.save()
    log.log_metrics({"b": 3.0}, step=2)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["a"], row["b"], row["step"]) for row in rows] == [
        ("", "1.0", "0"), ("5.0", "2.0", "1"), ("", "3.0", "2")
    ]  # fmt: skip
