"""Whole runs on stand-ins for vLLM with a real policy: the next batch is sampled while the last one is trained on."""

import asyncio
import gc
import json
import os
import re
import signal
import threading
import time

import pytest
import torch
from policy_server import policy_servers, served_by

from p2o.engines import SamplingParams, SharedFolder, VLLMServers
from p2o.engines.vllm.servers.server import Server
from p2o.policy.loading import BUNDLED, load_policy
from p2o.policy.update import OptimizerSteps
from p2o.types import Prompt
from processes import start
from quickstart_run import SHAPED, fit, fit_on_two, last, logged

AHEAD = "--model.sampler=SamplingAhead"
LENGTH = 40  # more than the canary has
THREE = (
    *SHAPED,
    "--trainer.limit_train_batches=3",  # of 12 rollouts
    "--data.num_generations=3",
    "--data.train.init_args.easy=6",
    "--data.train.init_args.hard=6",
    f"--model.max_completion_length={LENGTH}",
    f"--model.reward.max_length={LENGTH}",
)


@pytest.fixture
def server():
    with policy_servers() as servers:
        [(url, made)] = servers.items()
        made.urls = [url]
        yield made


def run(root, server, *options, **engine):
    fit(root, *THREE, *served_by(server.urls, root, **engine), *options)


def error(capsys) -> str:
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("p2o: error")]
    return line


def test_prompts_and_seeds_are_those_of_a_run_that_waits(server, tmp_path):
    run(tmp_path / "waits", server, "--trainer.max_epochs=2")
    waits = server.rollouts()
    server.requests.clear()
    run(tmp_path / "ahead", server, "--trainer.max_epochs=2", AHEAD)
    assert sorted(server.rollouts()) == sorted(waits) and len(waits) == 2 * 3 * 12
    assert logged(tmp_path / "ahead", "ahead/updates_behind_step") == [0, 1, 1, 0, 1, 1]
    assert last(tmp_path / "ahead")["p2o"]["rollouts"] == last(tmp_path / "waits")["p2o"]["rollouts"]


@pytest.mark.parametrize(("most", "behind"), [(2, [0, 1, 2]), pytest.param(5, [0, 1, 2], marks=pytest.mark.slow)])
def test_it_is_logged_how_far_behind_a_batch_is_and_how_long_training_waited(server, tmp_path, most, behind):
    """An epoch begins anew: nothing is sampled beyond the end of the one before."""
    run(tmp_path, server, "--trainer.max_epochs=2", AHEAD, f"--model.sampler.max_staleness={most}")
    assert logged(tmp_path, "ahead/updates_behind_step") == [*behind, *behind]
    waited = logged(tmp_path, "ahead/seconds_waited_step")
    assert len(waited) == 6 and min(waited) >= 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    phases = [epoch["waiting for rollouts"] for epoch in summary["phase_seconds"]]
    assert sum(phases) == pytest.approx(sum(waited), abs=0.5)
    assert summary["tokens_per_second"] == [None, None]  # nobody knows how long they took


@pytest.mark.slow
def test_a_validation_within_the_epoch_finds_nothing_under_way(server, tmp_path):
    validates = ("--trainer.val_check_interval=2", "--trainer.limit_val_batches=1", "--data.validation_batch_size=4")
    run(tmp_path, server, AHEAD, *validates)
    assert logged(tmp_path, "ahead/updates_behind_step") == [0, 1, 0]
    assert server.aborted == 0


def test_weights_are_those_of_before_the_update_and_no_batch_mixes_them(server, tmp_path, monkeypatch):
    of_step, update = [], OptimizerSteps.__call__

    def observed(self, module, policy, groups):
        of_step.append((module.engine.weights.version_of(policy), {row.prompt_ids for rows in groups for row in rows}))
        return update(self, module, policy, groups)

    monkeypatch.setattr(OptimizerSteps, "__call__", observed)
    run(tmp_path, server, AHEAD)
    versions = [version for version, _ in of_step]
    assert len(set(versions)) == 3
    rollouts = [(ids, version) for ids, _, length, version in server.requests if length == LENGTH]
    sampled = [{version for ids, version in rollouts if ids in asked} for _, asked in of_step]
    assert sampled == [{versions[0]}, {versions[0]}, {versions[1]}]


def test_the_next_batch_is_under_way_before_the_update_of_this_one(server, tmp_path, monkeypatch):
    seen, update = [], OptimizerSteps.__call__

    def observed(self, *arguments):
        deadline, step = time.monotonic() + 20, len(seen)
        while len(server.rollouts()) < 12 * min(3, step + 2) and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(len(server.rollouts()))
        return update(self, *arguments)

    monkeypatch.setattr(OptimizerSteps, "__call__", observed)
    run(tmp_path, server, AHEAD)
    assert seen == [24, 36, 36]


def test_a_failure_in_the_background_ends_the_run_as_one_in_the_foreground(server, tmp_path, capsys):
    def of_second_batch(asked):
        return asked[2] == LENGTH and len(server.rollouts()) > 15

    messages = []
    for name, options in {"waits": [], "ahead": [AHEAD]}.items():
        server.requests.clear()
        server.refuses = of_second_batch
        with pytest.raises(SystemExit) as ended:
            run(tmp_path / name, server, *options, concurrency=1)
        assert ended.value.code == 2
        messages.append(error(capsys))
    assert messages[0] == messages[1] and "700000 is out of vocabulary" in messages[0]


@pytest.mark.slow
def test_a_run_that_resumes_between_epochs_is_bitwise_that_which_was_never_ended(server, tmp_path):
    run(tmp_path / "straight", server, AHEAD, "--trainer.max_epochs=2")
    run(tmp_path / "resumed", server, AHEAD)
    gc.collect()  # the folder of weights is one for both runs, and goes with the engine of the first
    run(tmp_path / "resumed", server, AHEAD, "--trainer.max_epochs=2", "--ckpt_path=last")
    straight, resumed = (last(tmp_path / name) for name in ("straight", "resumed"))
    assert all(torch.equal(value, resumed["state_dict"][name]) for name, value in straight["state_dict"].items())
    assert straight["p2o"]["rollouts"] == resumed["p2o"]["rollouts"]


def test_a_signal_while_a_batch_is_under_way_keeps_the_step_and_the_run_resumes(server, tmp_path, monkeypatch):
    """The batch that was under way is asked for again, and counted once."""
    update, steps = OptimizerSteps.__call__, []

    def ended(self, *arguments):
        steps.append(1)
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(OptimizerSteps, "__call__", ended)
        with pytest.raises(SystemExit) as stopped:
            run(tmp_path, server, AHEAD)
    assert stopped.value.code == 75 and last(tmp_path)["p2o_run"]["place"]["batch"] == 2
    assert last(tmp_path)["p2o"]["rollouts"]["train"] == 24
    server.requests.clear()
    gc.collect()  # the folder of weights is one for both runs, and goes with the engine of the first
    run(tmp_path, server, AHEAD, "--ckpt_path=last")
    assert len(server.rollouts()) == 12 and last(tmp_path)["p2o"]["rollouts"]["train"] == 36


@pytest.mark.slow
@pytest.mark.parametrize("within", ["waiting", "update"])
def test_ctrl_c_ends_the_process_though_the_server_answers_nothing(server, tmp_path, within):
    answers = threading.Event()
    server.delay = lambda ids: answers.wait(100) and 0 if len(server.rollouts()) > 24 else 0
    log = tmp_path / "printed.txt"
    process = start(run_of, tmp_path, served_by(server.urls, tmp_path), within, log=log)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "now").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        os.kill(process.pid, signal.SIGINT)
        process.join(40)
        assert process.exitcode == 130, log.read_text()
        assert last(tmp_path)["p2o_run"]["place"]["batch"] == 2
    finally:
        process.kill()
        answers.set()


def run_of(root, options, within):
    """Leaves a file `now` within the second update, which takes its time, or when it has ended."""
    update, steps = OptimizerSteps.__call__, []

    def observed(self, *arguments):
        steps.append(1)
        if within == "update" and len(steps) == 2:
            (root / "now").touch()
            time.sleep(5)
        gaps = update(self, *arguments)
        if len(steps) == 2:
            (root / "now").touch()
        return gaps

    OptimizerSteps.__call__ = observed
    fit(root, *THREE, *options, AHEAD)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            (AHEAD, "--model.correction=TruncatedImportance"),
            "expects a model.engine that samples elsewhere .*Trans",
        ),
        ((AHEAD, "--model.sampler.max_staleness=0"), "needs max_staleness >= 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused_before_training(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path, *options)
    assert ended.value.code == 2 and re.search(message, error(capsys))
    assert not list(tmp_path.rglob("*.ckpt"))


def test_old_completions_that_nobody_corrects_are_refused(server, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, server, AHEAD, "--model.correction=NoCorrection")
    assert re.search("expects a model.correction .*TruncatedImportance.*got NoCorrection", error(capsys))
    assert not server.requests


def test_old_weights_under_the_right_name_are_caught_before_anything_is_sampled_from_them(
    server, tmp_path, capsys, monkeypatch
):
    loads, load = [], type(server).load

    def forgets(self, paths):
        loads.append(1)
        if len(loads) < 2:
            load(self, paths)

    monkeypatch.setattr(type(server), "load", forgets)
    with pytest.raises(SystemExit):
        run(tmp_path, server, AHEAD, "--model.optimizer.init_args.lr=1e-2")
    assert "VLLMServers does not sample from the weights that are trained" in error(capsys)
    assert len(server.rollouts()) == 24  # the first batch and the second; the third is of the new weights


PROMPTS = [Prompt((5, 6, 7 + number), number) for number in range(12)]
SAMPLING = SamplingParams(1.5, 24)


def test_other_weights_wait_until_all_is_there_that_was_submitted(server, tmp_path):
    """A validation within the epoch, say: to send them would abort what is under way."""
    policy = load_policy(BUNDLED)
    engine = VLLMServers(server.urls, "float32", SharedFolder(str(tmp_path)), concurrency=2)
    expected = engine.generate(policy, PROMPTS, SAMPLING, "test")
    server.delay = lambda ids: 0.1
    submitted = engine.submit(policy, PROMPTS, SAMPLING)
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.2)
    other = engine.generate(policy, PROMPTS, SAMPLING, "test")
    assert submitted.wait("test") == expected != other
    assert server.aborted == 0


def test_what_nobody_waits_for_is_given_up(server, tmp_path):
    engine = VLLMServers(server.urls, "float32", SharedFolder(str(tmp_path)), concurrency=1)
    server.delay = lambda ids: 0.2
    submitted = engine.submit(load_policy(BUNDLED), PROMPTS, SAMPLING)
    thread = submitted._running._thread
    del submitted
    thread.join(20)
    assert not thread.is_alive() and len(server.requests) < len(PROMPTS)


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "sharded"])
def test_two_processes_wait_for_each_other_before_weights_are_sent(tmp_path, strategy):
    """The second process's rollouts take much longer, and none of them is broken off."""
    with policy_servers(2) as servers:
        first, second = servers.values()
        more = ("--data.train.init_args.easy=8", "--data.train.init_args.hard=8", "--trainer.limit_train_batches=4")
        fit(tmp_path / "one", *THREE, *more, *served_by(servers, tmp_path))
        expected = sorted(first.rollouts() + second.rollouts())
        first.requests.clear()
        second.requests.clear()
        options = [*THREE, *more, *served_by(servers, tmp_path, concurrency=1), AHEAD]
        halves = ["--data.batch_size=2", "--model.mini_batch_size=1", f"--trainer.strategy={strategy}"]
        printed = fit_on_two(tmp_path / "two", *options, *halves, run=second_is_slow)
        assert all(text.endswith("exit 0") for text in printed), printed
        assert first.aborted == second.aborted == 0
        assert sorted(first.rollouts() + second.rollouts()) == expected
        assert logged(tmp_path / "two", "ahead/updates_behind_step") == [0, 1, 1, 1]


def second_is_slow(root, *options):
    generate = Server.generate

    async def late(self, *arguments):
        if os.environ["RANK"] == "1":
            await asyncio.sleep(0.5)
        return await generate(self, *arguments)

    Server.generate = late
    fit(root, *options)
