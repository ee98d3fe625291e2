"""The files of a run folder, in their order."""

import os

from p2o.run_folder.paths import RunPaths


def test_logs_come_in_the_order_of_the_starts_wherever_they_were_copied(tmp_path):
    for number, written in ((10, 1), (2, 2), (0, 3), (1, 3)):  # a copy has its files written in any order
        path = tmp_path / "logs" / f"version_{number}" / "metrics.csv"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (written, written))
    (tmp_path / "logs" / "version_old").mkdir()
    (tmp_path / "logs" / "version_old" / "metrics.csv").touch()
    assert [path.parent.name for path in RunPaths(tmp_path).metrics()] == [
        "version_old",
        "version_0",
        "version_1",
        "version_2",
        "version_10",
    ]
