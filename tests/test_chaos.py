"""Real runs that are killed at random moments (`tools/chaos`) and equal the undisturbed one to the bit."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tools.chaos.campaign import Campaign

ROOT = Path(__file__).parent.parent


def chaos(folder: Path, kills: int, processes: int) -> list[dict]:
    """What became of each run of a campaign, which has a process of its own: it forks."""
    command = [sys.executable, "-m", "tools.chaos", f"--kills={kills}", f"--processes={processes}"]
    command += [f"--seed={int(time.time())}", f"--folder={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()[1:]]


@pytest.mark.timeout(1500)  # a full machine takes ten minutes
def test_twenty_kills_lose_nothing(tmp_path):
    """Within rollouts, updates, validation, evolution, reflection, and the writes of checkpoints and logs."""
    runs = chaos(tmp_path, kills=20, processes=1)
    hits = Counter(phase for run in runs for phase, _ in run["hits"])
    assert hits.total() == 20 and len(hits) >= 6, hits
    assert all(not run["differences"] for run in runs)
    assert len(Campaign(tmp_path, processes=1, seed=0).hits) == 20  # a campaign that is cut off goes on from there


@pytest.mark.distributed
@pytest.mark.timeout(1500)
def test_kills_of_one_of_two_processes_lose_nothing_and_leave_none_behind(tmp_path):
    runs = chaos(tmp_path, kills=12, processes=2)
    victims = {tuple(ranks) for run in runs for _, ranks in run["hits"]}
    assert victims & {(0,), (1,)} and all(not run["differences"] for run in runs)


def test_results_of_another_program_are_not_mixed(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"program": "another"}\n')
    with pytest.raises(SystemExit, match="another p2o"):
        Campaign(tmp_path, processes=1, seed=0)
