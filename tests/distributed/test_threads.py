"""How torch's threads are told to wait."""

import os
import subprocess
import sys

import pytest

from p2o.distributed.threads import wait_briefly


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GOMP_SPINCOUNT": "3000"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "passive"}, {"OMP_WAIT_POLICY": "passive"}),
    ],
)
def test_what_the_environment_says_counts(before, after):
    wait_briefly(before)
    assert before == after


def test_the_command_says_so_before_torch_is_loaded():
    code = (
        "import os, sys; from p2o.cli.main import main; assert 'torch' not in sys.modules; main(['--version']); "
        "assert os.environ['GOMP_SPINCOUNT'] == '3000'; assert 'torch' not in sys.modules"
    )
    clean = {name: value for name, value in os.environ.items() if name not in {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}}
    subprocess.run([sys.executable, "-c", code], env=clean, check=True, stdout=subprocess.DEVNULL)
