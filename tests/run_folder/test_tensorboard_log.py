import errno
import threading

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from full_disk import full_disk
from p2o.run_folder.tensorboard_log import TensorBoardLog


@pytest.mark.parametrize("when", ["save", "finalize"])
def test_what_failed_in_the_thread_of_the_writer_names_the_folder(tmp_path, when):
    log = TensorBoardLog(tmp_path, "tensorboard")
    log.log_metrics({"a": 1.0}, step=0)
    log.save()
    with full_disk(), pytest.raises(OSError, match="File too large") as raised:
        log.log_metrics({"a": 2.0}, step=1)
        log.finalize("failed") if when == "finalize" else log.save()
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, log.log_dir)
    events = EventAccumulator(log.log_dir).Reload().Scalars("a")
    assert [(event.step, event.value) for event in events] == [(0, 1.0)]  # what was written before is whole


def test_the_thread_says_nothing_beside_it_and_other_threads_do(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    log = TensorBoardLog(tmp_path, "tensorboard")
    TensorBoardLog(tmp_path, "another")
    log.log_metrics({"a": 1.0}, step=0)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        log.log_metrics({"a": 2.0}, step=1)
        log.save()
    assert told == []
    other = threading.Thread(target=lambda: 1 / 0)
    other.start()
    other.join()
    assert [failed.exc_type for failed in told] == [ZeroDivisionError]
