import gc

import pytest

from p2o.io.row_spool import RowSpool


def add(spool, *keys):
    for key in keys:
        spool.add((key,), {"row": key})


def rows(spool):
    return [row["row"] for row in spool]


def test_rows_come_in_the_order_of_their_keys_and_the_first_of_a_key_counts(tmp_path):
    spool = RowSpool(tmp_path / "spool")
    add(spool, "b", "a")
    spool.add(("a",), {"row": "again"})
    assert rows(spool) == ["a", "b"] and len(spool) == 2


@pytest.mark.parametrize("resumed", [True, False])
def test_a_spool_that_was_left_open_writes_nothing_into_the_one_that_goes_on(tmp_path, resumed):
    """A run that failed in a notebook, whose rows after its checkpoint are still in memory."""
    left = RowSpool(tmp_path / "spool")
    add(left, "a", "b")
    size = left.size
    add(left, "c", "d")
    spool = RowSpool(tmp_path / "spool", size if resumed else 0)
    add(spool, "e")
    assert spool.size
    del left
    gc.collect()
    assert rows(spool) == (["a", "b", "e"] if resumed else ["e"])
    assert rows(RowSpool(tmp_path / "spool", spool.size)) == rows(spool)
