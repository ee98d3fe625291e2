import subprocess
import sys

import pytest

from p2o.evaluation.metrics import QuestionInterval, QuestionMean

VALUES = [1.0, 0.0, 0.5, 1.0, 0.25]


def test_one_process():
    mean, interval = QuestionMean(7), QuestionInterval(7)
    for number, value in enumerate(VALUES):
        mean.update(number, value)
        interval.update(number, value)
    assert mean.compute().item() == pytest.approx(2.75 / 5)  # two questions were not asked
    low, high = interval.compute().tolist()
    assert 0 < low < 2.75 / 5 < high < 1
    mean.reset()
    mean.update(1, 0.5)
    assert mean.compute().item() == 0.5


RANK = """
import sys
import torch.distributed as dist
from p2o.evaluation.metrics import QuestionInterval, QuestionMean
rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
values = [1.0, 0.0, 0.5, 1.0, 0.25]
shares = {0: [0, 2, 4], 1: [1, 3, 0]}  # question 0 goes to both, as Lightning's sampler does it
results = []
for metric in (QuestionMean(5), QuestionInterval(5)):
    for number in shares[rank]:
        metric.update(number, values[number])
    results.append(metric.compute().tolist())
print(results)
"""


def test_two_processes_give_what_one_gives(tmp_path):
    script = tmp_path / "rank.py"
    script.write_text(RANK)
    command = [sys.executable, str(script)]
    ranks = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store")], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=100)[0] for process in ranks]
    interval = QuestionInterval(5)
    for number, value in enumerate(VALUES):
        interval.update(number, value)
    assert said[0] == said[1] == f"{[2.75 / 5, interval.compute().tolist()]}\n"
