"""Whole runs whose sampler pays for texts and fails within a step: real Trainer, real micro-policy, real HTTP."""

import os
import signal
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from endpoints.chat_server import KEY, ChatServer, completion, status
from p2o.cli.main import main
from p2o.engines import TransformersEngine
from p2o.policy.checkpoints import load_checkpoint
from processes import reached_the_end
from quickstart_run import fit_on_two
from tools.run_differences import run_differences

CONFIGS = Path(__file__).parents[2] / "configs"
HINT = "```\nGo through the chain step by step.\n```"
PRICES = {"spending.prompt_price": 1, "spending.completion_price": 1, "concurrency": 1}
CLASSES = {
    "teacher": ("TeacherCompletions", "EndpointTeacher", "teacher_sft"),
    "reflector": ("p2o.mixture.self_hints.SelfHints", "TeacherReflector", "self_hints"),
}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer() as server:
        yield server


def answers(server, calls=10**9):
    """So many calls are answered, then the key is refused."""
    numbers = count()
    server.script = [lambda body: completion(HINT) if next(numbers) < calls else status(401)]


def fit(root, *options, url, writer):
    sampler, teacher, method = CLASSES[writer]
    inner = f"--model.sampler.{writer}"
    endpoint = {"base_url": url, "model": "m"} | PRICES
    main(
        [
            *("fit", f"--config={CONFIGS / 'quickstart.yaml'}", f"--config={CONFIGS / 'methods' / method}.yaml"),
            *(f"--model.sampler={sampler}", f"{inner}={teacher}"),
            *(f"{inner}.endpoint.{name}={value}" for name, value in endpoint.items()),
            f"--trainer.default_root_dir={root}",
            *("--trainer.max_epochs=2", "--trainer.limit_val_batches=0", "--trainer.enable_progress_bar=false"),
            *("--data.train.init_args.easy=1", "--data.train.init_args.hard=5", "--data.batch_size=3"),
            *("--data.num_generations=2", "--model.max_completion_length=48", "--fixed_questions.questions=1"),
            *options,
        ]
    )


def last(root):
    return load_checkpoint(root / "checkpoints" / "last.ckpt", to_resume=True)


@pytest.mark.parametrize(
    ("writer", "calls"), [("teacher", 2), ("teacher", 6), ("teacher", 8), ("reflector", 1), ("reflector", 3)]
)
def test_what_was_paid_for_before_a_step_failed_is_not_paid_for_again(tmp_path, server, capsys, writer, calls):
    """In the first step of the run, of which there is no checkpoint, in the one before, and in a later one."""
    answers(server)
    run = partial(fit, url=server.url, writer=writer)
    run(tmp_path / "straight")
    whole = len(server.requests)
    answers(server, calls)
    with pytest.raises(SystemExit):
        run(tmp_path / "run")
    said = capsys.readouterr().err
    assert "Check the key" in said and "--ckpt_path last" in said and "Traceback" not in said
    kept = last(tmp_path / "run")["p2o"]["sampler"]["spent"]
    assert kept["calls"] == calls + 1 and kept["failures"] == {"status 401": 1} and kept["money"] > 0
    answers(server)
    run(tmp_path / "run", "--ckpt_path=last", f"--model.sampler.{writer}.endpoint.timeout=60")
    assert len(server.requests) == 2 * whole + 1
    differences = run_differences(tmp_path / "straight", tmp_path / "run")
    assert [path for path in differences if not path.startswith(("last.ckpt/p2o/sampler/spent", "config"))] == []


def test_hints_of_a_step_that_a_signal_ends_are_not_paid_for_again(tmp_path, server, monkeypatch):
    """While the first step of the run rolls out under them: there is no checkpoint yet, and no update."""
    answers(server)
    run = partial(fit, url=server.url, writer="reflector")
    run(tmp_path / "straight")
    whole = len(server.requests)
    generate = TransformersEngine.generate

    def ended(self, policy, prompts, sampling, title="rollouts"):
        if title == "rollouts" and len(server.requests) > whole:
            os.kill(os.getpid(), signal.SIGTERM)
        return generate(self, policy, prompts, sampling, title)

    with monkeypatch.context() as patch:
        patch.setattr(TransformersEngine, "generate", ended)
        with pytest.raises(SystemExit):
            run(tmp_path / "run")
    asked = len(server.requests) - whole
    kept = last(tmp_path / "run")
    assert kept["p2o_run"]["place"]["batch"] == 0 and kept["p2o"]["rollouts"]["train"] == 0
    assert kept["p2o"]["sampler"]["spent"]["calls"] == kept["p2o"]["rollouts"]["hints"] == asked > 0
    run(tmp_path / "run", "--ckpt_path=last")
    assert len(server.requests) == 2 * whole
    differences = run_differences(tmp_path / "straight", tmp_path / "run")
    assert [path for path in differences if not path.startswith("last.ckpt/p2o/sampler/spent")] == []


def test_a_key_that_is_refused_at_once_leaves_no_checkpoint(tmp_path, server, capsys):
    answers(server, 0)
    with pytest.raises(SystemExit):
        fit(tmp_path, url=server.url, writer="teacher")
    assert not list(tmp_path.glob("checkpoints/*"))
    assert "--ckpt_path" not in capsys.readouterr().err


@pytest.mark.distributed
@pytest.mark.parametrize(("writer", "calls"), [("teacher", 11), ("reflector", 1)])
def test_what_one_of_two_processes_fails_of_ends_both_with_what_both_have_paid_for(tmp_path, server, writer, calls):
    """Of 12 completions, or of a hint for each question that is failed, the last ones are refused."""
    run = partial(fit, url=server.url, writer=writer)
    answers(server, calls)
    printed = fit_on_two(tmp_path, "--trainer.strategy=ddp", run=run)
    assert all("Check the key" in text and "--ckpt_path last" in text for text in printed), printed
    kept = last(tmp_path)["p2o"]["sampler"]
    assert kept["spent"]["calls"] - kept["spent"]["failures"]["status 401"] == calls
    answers(server)
    asked = len(server.requests)
    reached_the_end(fit_on_two(tmp_path, "--trainer.strategy=ddp", "--ckpt_path=last", run=run))
    assert writer == "reflector" or len(server.requests) == asked + 1
