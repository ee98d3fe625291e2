"""Whole runs with a teacher that fails: real Trainer, real micro-policy, real HTTP."""

import hashlib
import json
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import torch

from endpoints.chat_server import KEY, QUOTE_KEY, ChatServer, completion, status
from p2o.cli.main import main
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.readers import CANDIDATE, read_evolution, read_lineage
from processes import start

CONFIGS = Path(__file__).parents[2] / "configs"
TOLD = {"prompt_tokens": 70, "completion_tokens": 9}
SMALL = [
    "--data.train.init_args.easy=2",
    "--data.train.init_args.hard=6",
    "--data.batch_size=8",
    "--data.num_generations=2",
    "--data.bare_rollouts=1",  # a hard question stays in the hard set: nobody solves it bare
    "--data.tau=2",
    "--model.max_completion_length=64",
    "--evolution.budget=30",
    "--evolution.proposals=2",
    "--evolution.width=2",
    "--evolution.min_hard_set=2",
    "--trainer.limit_val_batches=0",
    "--trainer.enable_progress_bar=false",
]


def answer(body):
    """A template that the prompt decides, so that every run that asks the same is told the same."""
    texts = ["Go through the chain step by step.", "Be quick.", "Write down the running result after each operation."]
    digest = hashlib.sha256(body["messages"][0]["content"].encode()).digest()
    return completion(f"```\n{texts[digest[0] % 3]} ({digest[1] % 16})\n```", usage=TOLD)


class Teacher(ChatServer):
    """Answers as many calls as it has left, then refuses the key."""

    def __init__(self):
        super().__init__()
        self.script = [self.reply]
        self.left = 10**9

    def reply(self, body):
        with self.lock:
            self.left -= 1
            return answer(body) if self.left >= 0 else status(401, message=f"bad key {KEY}")


@pytest.fixture
def teacher(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Teacher() as server:
        yield server


def arguments(root, teacher, epochs, *options, reflector="teacher"):
    inner = {"teacher": "", "record": ".reflector.init_args"}.get(reflector)
    endpoint = {"base_url": teacher and teacher.url, "concurrency": 1}
    endpoint |= {"spending.prompt_price": 2, "spending.completion_price": 8}
    endpoint = {f"endpoint.{name}": value for name, value in endpoint.items()}
    return [
        "fit",
        f"--config={CONFIGS / 'quickstart.yaml'}",
        f"--config={CONFIGS / 'reflector' / reflector}.yaml",
        f"--trainer.default_root_dir={root}",
        *SMALL,
        *(
            []
            if inner is None
            else [f"--evolution.reflector{inner}.{name}={value}" for name, value in endpoint.items()]
        ),
        f"--trainer.max_epochs={epochs}",
        *options,
    ]


def fit(root, teacher, epochs, *options, reflector="teacher"):
    main(arguments(root, teacher, epochs, *options, reflector=reflector))
    return last(root)


def last(root):
    """The newest checkpoint."""
    newest = max((root / "checkpoints").glob("last*.ckpt"), key=lambda path: path.stat().st_mtime)
    return torch.load(newest, weights_only=True)


def evolution(checkpoint):
    return checkpoint["callbacks"]["TemplateEvolution"]


def results(checkpoint):
    """What a run leaves behind; clocks, and what reflection cost, left out."""
    reports = [
        {k: v for k, v in report.items() if k not in ("seconds", "tokens", "reflection")}
        for report in evolution(checkpoint)["reports"]
    ]
    weights = {name: hashlib.sha256(t.numpy().tobytes()).hexdigest() for name, t in checkpoint["state_dict"].items()}
    return reports, weights, checkpoint["MixtureDataModule"], checkpoint["global_step"], checkpoint["epoch"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Two epochs, an evolution between them, with a teacher that never fails, recorded."""
    root = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch, Teacher() as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        path = f"--evolution.reflector.path={root}/reflection.jsonl"
        return root, fit(root, server, 2, path, reflector="record"), len(server.requests)


def test_a_run_whose_key_is_refused_resumes_at_that_evolution_and_nothing_is_lost(straight, teacher, tmp_path, capsys):
    teacher.left = 0
    with pytest.raises(SystemExit) as stop:
        fit(tmp_path, teacher, 2)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "answered with status 401" in error and "Check the key" in error and "Nothing is lost" in error
    assert KEY not in error and "Traceback" not in error
    stopped = last(tmp_path)
    assert evolution(stopped)["pending"] and stopped["global_step"] == 1  # the epoch's training is in it
    assert json.loads((tmp_path / "summary.json").read_text())["epochs"] == 1
    [row] = evolution(stopped)["ledger"]
    assert (row["calls"], row["failures"]) == (1, {"status 401": 1})
    assert teacher.listed == 1
    teacher.left = 10**9  # somebody mends the key
    resumed = fit(tmp_path, teacher, 2, f"--ckpt_path={tmp_path}/checkpoints/last.ckpt")
    assert results(resumed) == results(straight[1]) and teacher.listed == 1  # whoever resumes asks at once
    assert evolution(resumed)["pending"] and not evolution(resumed)["unfinished"]  # now it is that of the last epoch
    first, second = (json.loads((root / "summary.json").read_text()) for root in (tmp_path, straight[0]))
    assert (first["templates"], first["best_dev_score"]) == (second["templates"], second["best_dev_score"])


def test_a_key_that_is_refused_is_told_before_training(teacher, tmp_path, capsys):
    teacher.models = status(401, message=f"bad key {KEY}")
    with pytest.raises(SystemExit) as stop:
        fit(tmp_path, teacher, 2)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and "status 401" in error and "on_failure continue" in error and KEY not in error
    assert (teacher.listed, teacher.requests) == (1, []) and not list(tmp_path.rglob("*.ckpt"))
    fit(tmp_path, teacher, 1)  # a run of one epoch asks nobody
    teacher.left = 0
    with pytest.warns(UserWarning, match="status 401"):
        fit(tmp_path / "goes on", teacher, 2, "--evolution.on_failure=continue")
    assert teacher.listed == 2


@pytest.mark.slow
def test_no_reply_is_paid_for_twice_however_often_it_fails(straight, teacher, tmp_path, capsys):
    """The first failure is within a batch of calls, the second one when the run is resumed."""
    assert straight[2] >= 4
    teacher.left = 2
    with pytest.raises(SystemExit):
        fit(tmp_path, teacher, 2)
    teacher.left = 1
    with pytest.raises(SystemExit):
        fit(tmp_path, teacher, 2, "--ckpt_path=last")
    assert "Nothing is lost" in capsys.readouterr().err
    assert evolution(last(tmp_path))["ledger"][0]["calls"] == 3 + 2
    teacher.left = 10**9
    asked = len(teacher.requests)
    assert results(fit(tmp_path, teacher, 2, "--ckpt_path=last")) == results(straight[1])
    assert len(teacher.requests) - asked == straight[2] - 3


def test_a_failed_run_may_go_on_with_the_old_bank_and_the_ledger_tells_all(straight, teacher, tmp_path, caplog):
    """The third epoch of the straight run, after an evolution in which much goes wrong."""
    shutil.copytree(straight[0] / "checkpoints", tmp_path / "checkpoints")
    bad = completion("no fence", usage=TOLD)
    teacher.script = [status(503, retry_after_ms="1"), bad, bad, status(401)]
    checkpoint = fit(tmp_path, teacher, 3, "--ckpt_path=last", "--evolution.on_failure=continue")
    bank = straight[1]["MixtureDataModule"]["bank"]
    assert bank["templates"] and checkpoint["MixtureDataModule"]["bank"] == bank
    assert checkpoint["global_step"] == 3
    _, failed = evolution(checkpoint)["reports"]
    assert "status 401" in failed["stopped"] and (failed["pool"], failed["bank"]) == (1, len(bank["templates"]))
    # the evolution's files
    paths = RunPaths(tmp_path)
    figures = read_evolution(paths.evolution(1))
    assert figures["bank"] == len(bank["templates"]) and figures["solvers"] == {}  # of other dev questions
    assert "status 401" in figures["failure"] and figures["pool"] == 1
    adopted = {template["text"]: template["score"] for template in bank["templates"]}
    rows = read_lineage(paths.candidates(1), CANDIDATE)
    assert rows and all(row["weight"] == adopted.get(row["text"]) for row in rows)
    # the checkpoint
    row = evolution(checkpoint)["ledger"][-1]
    assert (row["epoch"], row["reflector"]) == (1, "TeacherReflector a-teacher")
    assert (row["calls"], row["retries"], row["failures"]) == (3, 1, {"status 503": 1, "status 401": 1})
    assert (row["prompt_tokens"], row["completion_tokens"]) == (2 * 70, 2 * 9)
    assert row["money"] == pytest.approx(2 * (70 * 2 + 9 * 8) / 1e6) and row["seconds"] > 0
    # the console
    assert "ended: TeacherReflector: http://127.0.0.1" in caplog.text and KEY not in caplog.text
    assert "a-teacher: 3 calls, 1 retries, failed attempts: 1 status 503, 1 status 401; 140 + 18 tokens" in caplog.text
    # the logs
    log = next((tmp_path / "logs").glob("version_*/metrics.csv")).read_text()
    names = log.splitlines()[0].split(",")
    assert {"reflection/calls", "reflection/failed/status_503", "reflection/money"} <= set(names)


def test_the_limit_on_money_ends_the_run_before_a_call_could_pass_it(teacher, tmp_path, capsys):
    with pytest.raises(SystemExit):
        fit(tmp_path, teacher, 2, "--evolution.reflector.endpoint.spending.money=0.0001")
    assert "limit of 0.0001 (spending.money)" in capsys.readouterr().err
    assert evolution(last(tmp_path))["pending"] and not teacher.requests


def test_the_key_is_nowhere(teacher, tmp_path, capsys):
    """Not in any file of a run whose server quotes the key in replies and errors."""
    teacher.script = [QUOTE_KEY, QUOTE_KEY, teacher.reply]
    teacher.left = 0
    with pytest.raises(SystemExit):
        fit(tmp_path, teacher, 2, f"--evolution.reflector.path={tmp_path}/reflection.jsonl", reflector="record")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"last.ckpt", "config.yaml", "reflection.jsonl", "summary.json", "metrics.csv"} <= {p.name for p in files}
    assert len(teacher.requests) == 3
    assert "Say $OPENAI_API_KEY." in (tmp_path / "reflection.jsonl").read_text()
    assert [str(path) for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in repr(evolution(last(tmp_path)))
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err


def test_a_recorded_run_is_replayed_offline_to_the_bit(straight, tmp_path):
    path = f"--evolution.reflector.path={straight[0]}/reflection.jsonl"
    replayed = fit(tmp_path, None, 2, path, reflector="replay")
    assert results(replayed) == results(straight[1])
    assert evolution(replayed)["ledger"][0]["money"] == 0


@pytest.mark.slow
def test_a_kill_within_an_evolution_loses_nothing_that_was_written(straight, teacher, tmp_path):
    """A real process, killed while the teacher answers; what it had paid for is in the recording."""
    path = f"--evolution.reflector.path={tmp_path}/reflection.jsonl"
    fit(tmp_path, teacher, 1, path, reflector="record")
    hangs = threading.Event()

    def reply(body):
        if len(teacher.requests) > 2:
            hangs.set()
            time.sleep(60)
        return answer(body)

    teacher.script = [reply]
    command = arguments(tmp_path, teacher, 2, path, "--ckpt_path=last", reflector="record")
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").glob("*.ckpt")}
    process = start(main, command)
    while not hangs.wait(0.05):
        assert process.is_alive(), "it ended before it was killed"
    process.kill()
    process.join()
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoints").glob("*.ckpt")} == before
    assert len((tmp_path / "reflection.jsonl").read_text().splitlines()) >= 1
    teacher.script = [answer]
    main(command)
    assert results(last(tmp_path)) == results(straight[1])


def run_and_resume(checkpoint, command):
    for words in (command, [*command, f"--ckpt_path={checkpoint}"]):
        try:
            main(words)
        except SystemExit as stop:
            print("stopped", stop.code, flush=True)


@pytest.mark.distributed
def test_two_processes_fail_and_evolve_as_one(teacher, tmp_path):
    """A run that fails at its second call and is resumed, on one process and on two.

    At this learning rate no weight moves: gradients that are summed in another order change nothing.
    """
    still = ("--model.optimizer.init_args.lr=1e-30", "--fixed_questions.questions=0", "--trainer.logger=false")
    one, two = tmp_path / "one", tmp_path / "two"
    refuse_second_call(teacher)
    with pytest.raises(SystemExit):
        fit(one, teacher, 2, *still)
    expected = fit(one, teacher, 2, *still, "--ckpt_path=last")
    asked = len(teacher.requests)
    refuse_second_call(teacher)
    distributed = ("--data.batch_size=4", "--trainer.devices=2", "--trainer.strategy=ddp")
    said = run_ranks(tmp_path, two / "checkpoints" / "last.ckpt", arguments(two, teacher, 2, *still, *distributed))
    assert all(text.count("stopped 2") == 1 and "status 401" in text for text in said), said
    assert len(teacher.requests) == 2 * asked  # the first process asks for both
    assert results(last(two)) == results(expected)
    assert last(two)["p2o"]["rollouts"] == expected["p2o"]["rollouts"]
    summaries = [json.loads((root / "summary.json").read_text()) for root in (one, two)]
    for name in ("rollouts", "tokens", "rollout_history", "templates", "best_dev_score"):
        assert summaries[0][name] == summaries[1][name]
    assert summaries[0]["rollouts"]["evolution"] > 0 and summaries[0]["templates"][0] > 0


def refuse_second_call(teacher):
    replies = iter([answer, lambda _: status(401)])  # then somebody mends the key
    teacher.script = [lambda body: next(replies, answer)(body)]


def run_ranks(folder, *arguments):
    """What two processes print that have the environment that torchrun gives."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    launch = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    launch |= {"TORCHELASTIC_RUN_ID": "two", "GROUP_RANK": "0"}
    logs = [folder / f"{rank}.txt" for rank in "01"]
    ranks = [start(run_and_resume, *arguments, log=log, RANK=log.stem, LOCAL_RANK=log.stem, **launch) for log in logs]
    try:
        for process in ranks:
            process.join(200)
        return [log.read_text() for log in logs]
    finally:
        for process in ranks:
            process.kill()  # one that waits for the other for ever
