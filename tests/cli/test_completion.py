"""`p2o completion`: a script that a shell takes."""

import shutil
import subprocess

import pytest

from p2o.cli.commands.completion import OTHERS
from p2o.cli.main import COMMANDS, main

pytest.importorskip("shtab")


def test_bash_completes_commands_and_options(capsys):
    main(["completion", "bash"])
    script = capsys.readouterr().out
    assert {*OTHERS} == {*COMMANDS}
    assert "--model.temperature" in script and "compare" in script
    if shell := shutil.which("bash"):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_an_unknown_shell_is_one_message(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "fish"])
    assert "invalid choice: 'fish'" in capsys.readouterr().err
