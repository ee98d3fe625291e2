"""Two real vLLM servers: whole runs of the quickstart, and kill -9 of a server in rollouts and in a transfer."""

import json
import logging

import pytest
import torch
import yaml

from p2o.cli.main import main
from p2o.engines import SamplingParams, SharedFolder, VLLMServers
from p2o.engines.canary import check_canary
from p2o.engines.vllm.servers.transport import INCOMPLETE
from p2o.errors import InputError
from p2o.policy.loading import BUNDLED, load_policy
from p2o.progress.tasks import Display, watched_by
from p2o.types import Prompt
from quickstart_run import CONFIG, SHAPED, fit_on_two, logged
from vllm_servers import serving

pytestmark = [pytest.mark.servers, pytest.mark.timeout(3600)]
pytest.importorskip("vllm")

PROMPTS = [Prompt((5, 6, 7 + question), 10 * question + k) for question in range(40) for k in range(6)]
SAMPLING = SamplingParams(1.5, 60)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with serving(BUNDLED, tmp_path_factory.mktemp("servers"), count=2, longest=2048) as made:
        yield made


@pytest.fixture
def both(servers):
    """Both of them, started again if a test has killed one."""
    for server in servers:
        if not server.answers():
            server.start()
            server.wait()
    return servers


def engine_on(servers, weights, concurrency=256):
    return VLLMServers([server.url for server in servers], "float32", weights, concurrency)


def run_quickstart(root, *options):
    main(["fit", f"--config={CONFIG}", f"--trainer.default_root_dir={root}", *options])


def test_the_quickstart_on_two_processes_and_two_servers(both, tmp_path):
    """Training, validation, evolution and Self-Ref; the method's effect is there after two epochs."""
    engine = {"urls": [server.url for server in both], "dtype": "float32"}
    options = [f"--model.engine={json.dumps({'class_path': 'VLLMServers', 'init_args': engine})}"]
    options += ["--trainer.max_epochs=2", "--trainer.enable_progress_bar=false", "--trainer.strategy=ddp"]
    config = yaml.safe_load(CONFIG.read_text())
    for section, name in [("data", "batch_size"), ("model", "mini_batch_size")]:
        options.append(f"--{section}.{name}={config[section][name] // 2}")
    printed = fit_on_two(tmp_path, *options, seconds=3000, run=run_quickstart)
    assert (tmp_path / "summary.json").exists(), printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    first, last = (epoch["bare"] for epoch in summary["history"])
    assert first["easy"] > 0.8 and first["hard"] < 0.1  # advantage collapse
    assert summary["templates"][0] > 0
    assert last["hard"] > first["hard"] + 0.1
    assert all("/inference/v1/generate" in server.log.read_text() for server in both)


def test_batches_that_are_sampled_ahead_on_two_processes_and_two_servers(both, tmp_path):
    """Weights are sent between batches, while nothing is under way, and the canary finds them right."""
    engine = {"urls": [server.url for server in both], "dtype": "float32"}
    options = [f"--model.engine={json.dumps({'class_path': 'VLLMServers', 'init_args': engine})}"]
    options += ["--model.sampler=SamplingAhead", "--model.correction=TruncatedImportance", "--trainer.strategy=ddp"]
    options += ["--trainer.limit_train_batches=4", "--data.train.init_args.easy=8", "--data.train.init_args.hard=8"]
    options += ["--data.batch_size=2", "--model.mini_batch_size=1"]
    printed = fit_on_two(tmp_path, *SHAPED, *options, seconds=600)
    assert all(text.endswith("exit 0") and "is lost" not in text for text in printed), printed
    assert logged(tmp_path, "ahead/updates_behind_step") == [0, 1, 1, 1]


def test_a_server_killed_within_rollouts_is_left_out_and_comes_back(both, tmp_path, caplog):
    policy = load_policy(BUNDLED)
    engine = engine_on(both, SharedFolder(str(tmp_path)), concurrency=16)
    undisturbed = engine.generate(policy, PROMPTS, SAMPLING, "test")
    with caplog.at_level(logging.WARNING), watched_by(KillsWithinRollouts(both[1])):
        disturbed = engine.generate(policy, PROMPTS, SAMPLING, "test")
    assert sum("is lost" in record.message for record in caplog.records) == 1
    check_canary(policy, engine, PROMPTS, disturbed, SAMPLING.temperature)
    # The same seeds; a row in another batch may round to another token, as on one server.
    same = sum(one.ids == other.ids for one, other in zip(undisturbed, disturbed, strict=True))
    assert same > 0.95 * len(PROMPTS)
    both[1].start()
    both[1].wait()
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.1)
    caplog.clear()
    completions = engine.generate(policy, PROMPTS, SAMPLING, "test")
    assert any("is back" in record.message for record in caplog.records)
    check_canary(policy, engine, PROMPTS, completions, SAMPLING.temperature)


class KillsWithinRollouts(Display):
    """Kills a server when a quarter of the completions is there."""

    def __init__(self, victim) -> None:
        self.victim = victim

    def changed(self, tasks) -> None:
        if tasks and tasks[-1].done >= len(PROMPTS) // 4:
            self.victim.kill()


class KillsInTransfer(SharedFolder):
    """Kills servers when their update has begun, and sends the weights all the same."""

    def __init__(self, folder, victims) -> None:
        super().__init__(folder)
        self.victims = {server.url: server for server in victims}

    async def renew(self, server, version):
        if server.url in self.victims:
            await server.call("/update_weight_version", {"new_version": INCOMPLETE})
            await server.call("/start_weight_update")
            self.victims[server.url].kill()
        return await super().renew(server, version)


def test_a_server_killed_within_a_transfer_is_left_out(both, tmp_path, caplog):
    policy = load_policy(BUNDLED)
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.2)
    engine = engine_on(both, KillsInTransfer(str(tmp_path), both[1:]))
    with caplog.at_level(logging.WARNING):
        completions = engine.generate(policy, PROMPTS, SAMPLING, "test")
    assert sum("is lost" in record.message for record in caplog.records) == 1
    check_canary(policy, engine, PROMPTS, completions, SAMPLING.temperature)


def test_all_servers_killed_within_a_transfer_end_the_run_with_one_message(servers, tmp_path):
    """The last test, with the server that is left."""
    policy = load_policy(BUNDLED)
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.3)
    left = [server for server in servers if server.answers()]
    with pytest.raises(InputError, match=r"no server is left .*resume the run"):
        engine_on(left, KillsInTransfer(str(tmp_path), left)).generate(policy, PROMPTS, SAMPLING, "test")
