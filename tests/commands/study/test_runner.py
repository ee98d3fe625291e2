from pathlib import Path

import pytest

from p2o.commands.study.runner import run_missing
from p2o.errors import InputError


class StubFit:
    """A run that ends at once; `begun` is how many have been started."""

    def __init__(self, name, begun):
        self.folder, self.done, self._begun = Path(name), False, begun

    def run(self):
        self._begun.append(self.folder.name)
        return True


def test_what_no_table_can_show_is_known_after_the_first_run():
    begun = []
    fits = [StubFit(f"a-seed{seed}", begun) for seed in range(20)]

    def check(fit):
        raise InputError("metrics: no 'easy'")

    with pytest.raises(InputError, match="no 'easy'"):
        run_missing(fits, 1, lambda line: None, check)
    assert len(begun) < len(fits)


def test_without_anything_to_object_all_are_run():
    begun, said = [], []
    assert run_missing([StubFit(f"a-seed{seed}", begun) for seed in range(3)], 2, said.append) == []
    assert sorted(begun) == ["a-seed0", "a-seed1", "a-seed2"] and said[0].startswith("3 runs, 0 of them done")
