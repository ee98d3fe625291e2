import json

import pytest
import torch.distributed as dist

from p2o.evaluation.question_mean import QuestionCount, QuestionInterval, QuestionMean
from processes import start

VALUES = [1.0, 0.0, 0.5, 1.0, 0.25]


def test_one_process():
    mean, interval, count = QuestionMean(7), QuestionInterval(7), QuestionCount(7)
    for number, value in enumerate(VALUES):
        mean.update(number, value)
        interval.update(number, value)
        count.update(number, 1.0)
    assert mean.compute().item() == pytest.approx(2.75 / 5)  # two questions were not asked
    low, high = interval.compute().tolist()
    assert count.compute().item() == 5
    assert 0 < low < 2.75 / 5 < high < 1
    mean.reset()
    mean.update(1, 0.5)
    assert mean.compute().item() == 0.5


def one_of_two(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    shares = {0: [0, 2, 4], 1: [1, 3, 0]}  # question 0 goes to both, as Lightning's sampler does it
    results = []
    for metric in (QuestionMean(5), QuestionInterval(5)):
        for number in shares[rank]:
            metric.update(number, VALUES[number])
        results.append(metric.compute().tolist())
    (folder / f"{rank}.json").write_text(json.dumps(results))
    dist.destroy_process_group()


def test_two_processes_give_what_one_gives(tmp_path):
    ranks = [start(one_of_two, rank, tmp_path) for rank in range(2)]
    for rank in ranks:
        rank.join(100)
    interval = QuestionInterval(5)
    for number, value in enumerate(VALUES):
        interval.update(number, value)
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == [2.75 / 5, interval.compute().tolist()]
