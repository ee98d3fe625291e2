"""Bars in a real pseudo-terminal, lines in a file."""

import logging
import os
import pty
import subprocess
import sys
from io import StringIO

import pytest
from rich.console import Console

from p2o.progress import show, task
from p2o.progress.display import bars
from p2o.progress.tasks import Task

NESTED = """
import logging, sys, time
from p2o.progress import task
handler = logging.StreamHandler()
logging.getLogger("run").addHandler(handler)
with task("epoch 0", 3, "step") as steps:
    for step in range(3):
        with task("roll[bold]outs", 2, "rollout") as rollouts:
            rollouts.advance()
            time.sleep(0.3)
        steps.advance()
        logging.getLogger("run").warning(f"logged {step}")
print("the end")
assert handler.stream is sys.stderr
"""


def in_a_terminal(script):
    """What a terminal is sent, status included."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=follower, stderr=follower, env=os.environ | {"TERM": "xterm"}
    )
    os.close(follower)
    sent = b""
    try:
        while part := os.read(leader, 65536):
            sent += part
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(leader)
    return process.wait(), sent.decode()


def test_bars_are_drawn_in_a_terminal_and_leave_only_the_log():
    status, sent = in_a_terminal(NESTED)
    assert status == 0
    assert "epoch 0" in sent and "roll[bold]outs" in sent and "1/2 rollouts" in sent and "2/3 steps" in sent
    assert sent.count("logged 0") == sent.count("logged 2") == 1
    assert sent.rindex("the end") > sent.rindex("epoch 0")


def test_a_file_gets_plain_lines_and_few(capsys):
    show("auto")
    try:
        with task("epoch 0", 3, "step") as steps:
            steps.advance()
        assert capsys.readouterr().err == ""  # a minute has not passed
        show("lines", seconds=0)
        with task("epoch 0", 3, "step") as steps, task("rollouts", 2, "rollout"):
            steps.advance()
    finally:
        show("auto")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "epoch 0 0/3 steps › rollouts 0/2 rollouts"
    assert lines[2].startswith("epoch 0 1/3 steps (") and lines[2].endswith("left) › rollouts 0/2 rollouts")
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_force_color_does_not_put_bars_into_a_file(tmp_path):
    with open(tmp_path / "log", "w") as log:
        subprocess.run([sys.executable, "-c", NESTED], stderr=log, env=os.environ | {"FORCE_COLOR": "1"}, check=True)
    assert (tmp_path / "log").read_text() == "logged 0\nlogged 1\nlogged 2\n"


@pytest.mark.parametrize("style", ["lines", "off"])
def test_off_and_lines_leave_the_log_alone(style, capsys):
    show(style)
    with task("epoch 0"):
        logging.getLogger("run").warning("logged")
    show("auto")
    assert "epoch" not in capsys.readouterr().err


@pytest.mark.parametrize("width", [40, 80, 120])
def test_each_task_has_one_line_however_narrow_the_terminal(width):
    outer, inner = Task("epoch 12", 4800, "step"), Task("a question source with a long name", 123456, "rollout")
    outer.done, inner.done, outer.note = 1234, 65432, "reward 0.123, hard 1234 of 4567 asked"
    console = Console(width=width, file=StringIO())
    console.print(bars([outer, inner], width))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= width
    assert lines[2].startswith("reward 0.123, hard 1234")
    if width >= 80:
        assert "1234/4800 steps" in lines[0] and "left" in lines[0]
