"""What ends one process is told to the others, and what is no failure is not."""

import pytest
import torch

from p2o.cli.validation import user_errors
from p2o.distributed import failures
from p2o.distributed.preemption import Preempted
from p2o.errors import InputError


@pytest.fixture
def told(monkeypatch):
    """What is announced."""
    messages = []
    monkeypatch.setattr(failures, "announce", messages.append)
    return messages


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (InputError("a gold answer is missing"), InputError, "a gold answer is missing"),
        (torch.OutOfMemoryError("tried to allocate"), InputError, "Out of GPU memory"),
        (OSError(28, "No space left on device", "last.ckpt"), InputError, "last.ckpt cannot be written"),
        (ConnectionError("reset"), ConnectionError, "Traceback"),
        (RuntimeError("shapes differ"), RuntimeError, "RuntimeError: shapes differ"),
        (KeyError("gold"), KeyError, "KeyError: 'gold'"),
    ],
    ids=["input", "memory", "disk", "connection", "runtime", "bug"],
)
def test_an_error_is_told_once_as_it_is_shown(told, error, raised, message):
    with pytest.raises(raised), user_errors():
        raise error
    assert len(told) == 1 and message in told[0]


@pytest.mark.parametrize("ending", [SystemExit(0), KeyboardInterrupt(), Preempted(15)], ids=repr)
def test_an_ending_that_is_no_error_is_not_told(told, ending):
    with pytest.raises(type(ending)), user_errors():
        raise ending
    assert told == []


def test_an_error_is_not_hidden_by_a_store_that_is_gone(monkeypatch):
    """The first process keeps the store, and has ended before this one."""

    class Gone:
        def set(self, key, value):
            raise torch.distributed.DistNetworkError("Broken pipe")

    monkeypatch.setattr(failures, "_watched", [Gone()])
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(failures, "_ending", type(failures._ending)())
    with pytest.raises(KeyError, match="gold"), user_errors():
        raise KeyError("gold")
