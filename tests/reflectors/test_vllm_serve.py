"""A teacher on a real model server: `vllm serve` with the bundled micro-policy."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from p2o.cli.main import main
from p2o.endpoints import Endpoint
from p2o.engines import TransformersEngine
from p2o.policy.loading import BUNDLED, load_policy, load_tokenizer, locate
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors import SelfReflector, TeacherReflector
from p2o.reflectors.base import Example, ReflectionContext, ReflectionFailed, ReflectionJob
from p2o.worlds.bundled import INSTRUCTION

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

CONFIGS = Path(__file__).parents[2] / "configs"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
SHORT = {"temperature": 0.0, "max_reply_length": 64}
JOBS = [
    ReflectionJob(template, (Example(f"{INSTRUCTION}{question}", "\\boxed{3}", "The final answer is wrong."),))
    for template in ("", "Be concise.", "Check your answer.")
    for question in ("Start with 4. (a) add 2", "Start with 7. (a) double it (b) subtract 5")
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    pytest.importorskip("vllm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "log.txt"
    # The module, and not the command `vllm`: that asks for a package named vllm, and the CPU build is named otherwise.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", locate(BUNDLED)]
    command += ["--served-model-name", "micro", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    command += ["--enforce-eager", "--max-num-seqs", "8"]
    with log.open("w") as file:
        server = subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT)
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None, log.read_text()[-5000:]
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def context():
    policy = load_policy(BUNDLED)
    renderer = PromptRenderer(load_tokenizer(BUNDLED), INSTRUCTION)
    return ReflectionContext(TransformersEngine(), renderer, policy, lambda: nullcontext(policy))


@pytest.fixture
def new(url, monkeypatch):
    monkeypatch.setenv("VLLM_KEY", "none")

    def build(**arguments):
        settings = {"model": "micro", "api_key_env": "VLLM_KEY", "token_margin": 1.0, "temperature": 0.0}
        settings |= {name: arguments.pop(name) for name in list(arguments) if name in ("model", "temperature")}
        own = {"window": 2048, "max_reply_length": SHORT["max_reply_length"]} | arguments
        return TeacherReflector(Endpoint(url, **settings), **own)

    return build


def test_a_teacher_with_the_policys_own_weights_writes_what_self_reflection_writes(new, context):
    """Greedily: the same prompt reaches the same model over HTTP, and the same reply comes back."""
    asked, own = new().reflect(JOBS, context), SelfReflector(**SHORT).reflect(JOBS, context)
    assert [proposal.prompt for proposal in asked] == [proposal.prompt for proposal in own]
    assert [proposal.reply for proposal in asked] == [proposal.reply for proposal in own]
    assert [proposal.rejection for proposal in asked] == [proposal.rejection for proposal in own]
    assert any(proposal.template for proposal in asked)
    for proposal, reference in zip(asked, own, strict=True):
        assert proposal.usage.prompt_tokens == reference.usage.prompt_tokens
        assert proposal.usage.completion_tokens == reference.usage.completion_tokens


def test_a_wrong_model_name_ends_reflection(new, context):
    with pytest.raises(ReflectionFailed, match=r"status 404 .*Check base_url and model"):
        new(model="other").reflect(JOBS[:1], context)


def test_a_request_that_the_server_refuses_is_counted(new, context):
    [proposal] = new(window=100_000, max_reply_length=50_000).reflect(JOBS[:1], context)
    assert proposal.rejection == "no reply: status 400" and proposal.usage.failures == {"status 400": 1}


def test_a_run_with_this_teacher(url, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    small = ["--data.train.init_args.easy=2", "--data.train.init_args.hard=10", "--data.batch_size=12"]
    small += ["--evolution.budget=60", "--evolution.min_hard_set=2", "--trainer.limit_val_batches=0"]
    teacher = {"max_reply_length": 96, "window": 2048}
    teacher |= {"endpoint.base_url": url, "endpoint.model": "micro", "endpoint.temperature": 1.0}
    main(
        [
            "fit",
            f"--config={CONFIGS / 'quickstart.yaml'}",
            f"--config={CONFIGS / 'reflector' / 'teacher.yaml'}",
            *small,
            *(f"--evolution.reflector.{name}={value}" for name, value in teacher.items()),
            f"--trainer.default_root_dir={tmp_path}",
            "--trainer.max_epochs=2",
        ]
    )
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["TemplateEvolution"]
    [row], [report] = state["ledger"], state["reports"]
    assert row["calls"] > 0 and row["failures"] == {} and row["completion_tokens"] > 0
    assert report["spent"] <= 60 and report["iterations"] > 0
