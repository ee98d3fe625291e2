"""Runs that are ended anywhere and resumed: they equal the run that nothing ended, bit by bit."""

import csv
import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from p2o.callbacks import evolution_log, fixed_questions, rollout_log, run_summary, save_config, validation_log
from p2o.cli import trainer
from p2o.cli.main import main, resume_words
from p2o.distributed import preemption
from p2o.engines.transformers import TransformersEngine
from p2o.io.row_spool import RowSpool
from p2o.policy.checkpoints import journal, load_checkpoint
from p2o.policy.checkpoints.callback import RunCheckpoint
from p2o.policy.checkpoints.place import Place, place_in
from p2o.policy.checkpoints.reading import newest_checkpoint
from p2o.policy.checkpoints.storage import WholeFiles
from p2o.run_folder import question_tables
from p2o.run_folder.metrics_log import MetricsLog, WholeWriter
from p2o.run_folder.paths import LOGS
from p2o.run_folder.question_tables import read_questions
from permissions import obey_modes, set_modes
from processes import start
from tools.run_differences import run_differences

CONFIG = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
OPTIONS = [
    "--trainer.max_epochs=2",
    "--trainer.enable_progress_bar=false",
    "--model.max_completion_length=24",
    "--model.mini_batch_size=2",
    "--data.train.init_args.easy=3",
    "--data.train.init_args.hard=5",
    "--data.validation.init_args.easy=4",
    "--data.validation.init_args.hard=4",
    "--data.batch_size=3",  # three steps an epoch
    "--data.tau=6",
    "--evolution.reflector=StaticReflector",
    '--evolution.reflector.templates=["Be concise.", "Go through the chain step by step."]',
    "--evolution.proposals=2",
    "--evolution.budget=36",
    "--evolution.min_hard_set=2",
    "--rollout_log.train=-1",
    "--fixed_questions.questions=1",
]


def command(root: Path, *options: str) -> list[str]:
    return ["fit", f"--config={CONFIG}", f"--trainer.default_root_dir={root}", *OPTIONS, *options]


def fit(root: Path, *options: str) -> None:
    main(command(root, *options))


def observe(patch, seen):
    """Calls `seen` with the number and the title of each engine call, while the engine is about to sample."""
    generate, number = TransformersEngine.generate, iter(range(10**6))

    def observed(self, policy, prompts, sampling, title="rollouts"):
        seen(next(number), title)
        return generate(self, policy, prompts, sampling, title)

    patch.setattr(TransformersEngine, "generate", observed)


def end_at(title, number=1):
    """What `observe` calls to end the run within an engine call: the n-th one that has this title."""
    seen = []

    def see(_, found):
        seen.append(found)
        if found == title and seen.count(title) == number:
            os.kill(os.getpid(), signal.SIGTERM)

    return see


def fit_to(see, root, *options):
    """A run that a signal ends where `see` has it."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        observe(patch, see)
        fit(root, *options)
    assert ended.value.code == preemption.PREEMPTED


def summary_of(root):
    return json.loads((root / "summary.json").read_text())


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run that nothing ends, and what it asked the engine for."""
    root, calls = tmp_path_factory.mktemp("straight"), []
    with pytest.MonkeyPatch.context() as patch:
        observe(patch, lambda number, title: calls.append(title))
        fit(root)
    return root, calls


@pytest.mark.slow
def test_a_run_ended_within_any_rollout_resumes_bitwise(straight, tmp_path, monkeypatch, capfd):
    """Ended by a signal in its fourth engine call, in the fourth one of its second process, and so on to its end."""
    root, calls = straight
    assert {"rollouts", "fixed questions", "parents", "children", "dev"} <= set(calls)
    places = []
    for _ in range(len(calls)):
        with monkeypatch.context() as patch:
            observe(patch, lambda number, title: os.kill(os.getpid(), signal.SIGTERM) if number == 3 else None)
            try:
                fit(tmp_path, "--ckpt_path=last")
            except SystemExit as ended:
                assert ended.code == preemption.PREEMPTED
                assert "--ckpt_path last" in capfd.readouterr().err
                places.append(place_in(load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")))
            else:
                break
    assert run_differences(root, tmp_path) == []
    assert places == sorted(places) and len(places) >= 4
    assert {place.validated for place in places if place.within_epoch} == {True, False}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["finished"] and 0 < summary["goodput"] <= 1


@pytest.mark.slow
def test_every_step_can_be_resumed(straight, tmp_path, monkeypatch):
    """Each checkpoint that is written within an epoch is kept aside, and one in three is resumed from."""
    root, _ = straight
    kept, folder = [], tmp_path / "run" / "kept"

    def keep(self, trainer, place, same=""):
        saved(self, trainer, place, same)
        if place.within_epoch:
            folder.mkdir(exist_ok=True)
            kept.append(folder / f"{len(kept)}.ckpt")
            os.link(tmp_path / "run" / "checkpoints" / "last.ckpt", kept[-1])

    saved = RunCheckpoint._save
    with monkeypatch.context() as patch:
        patch.setattr(RunCheckpoint, "_save", keep)
        fit(tmp_path / "run", "--checkpoint.every_n_steps=1")
    assert run_differences(root, tmp_path / "run") == []
    # Two steps of each epoch, and the moment before its evolution; validation is due at once, and needs the clock.
    assert [place_in(load_checkpoint(path)) for path in kept] == [
        Place(0, 1), Place(0, 2), Place(0, 3, True), Place(1, 1), Place(1, 2), Place(1, 3, True),
    ]  # fmt: skip
    for number in (1, 5):
        fit(tmp_path / "run", f"--ckpt_path={kept[number]}")
        assert state_differences(root, tmp_path / "run") == []


OWN = (
    '--trainer.callbacks+={"class_path":"lightning.pytorch.callbacks.ModelCheckpoint",'
    '"init_args":{"monitor":"val/bare/hard","filename":"best"}}'
)


def test_a_checkpoint_callback_of_the_user_s_own_takes_nothing_from_the_run(tmp_path, monkeypatch):
    """The one before an evolution, and the journal within it; LightningCLI puts the user's callbacks first."""
    places, saved = [], RunCheckpoint._save

    def save(self, trainer, place, same=""):
        places.append(place)
        saved(self, trainer, place, same)

    monkeypatch.setattr(RunCheckpoint, "_save", save)
    observe(monkeypatch, lambda number, title: journals.append(title) if list(tmp_path.rglob("evolution.json")) else 0)
    journals: list[str] = []
    fit(tmp_path, OWN)
    assert Place(0, 3, True) in places and "children" in journals
    assert list(tmp_path.rglob("best.ckpt")) and (tmp_path / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
def test_validation_across_epochs_resumes_at_the_same_steps(tmp_path, monkeypatch):
    """Every second batch, of epochs of three: in the second one it is due after its first and its third."""
    across = ("--trainer.check_val_every_n_epoch=null", "--trainer.val_check_interval=2", "--evolution.budget=0")
    across += ("--fixed_questions.questions=0", "--checkpoint.every_n_steps=1")
    saved, kept = RunCheckpoint._save, {}

    def keep(self, trainer, place, same=""):
        saved(self, trainer, place, same)
        if place.within_epoch and not place.validated:
            kept[place] = tmp_path / f"{place.epoch}-{place.batch}.ckpt"
            kept[place].unlink(missing_ok=True)
            os.link(self.last, kept[place])

    with monkeypatch.context() as patch:
        patch.setattr(RunCheckpoint, "_save", keep)
        fit(tmp_path / "straight", *across)
    whole = logged_steps(tmp_path / "straight")
    assert [kind for _, kind in whole] == ["train", "train", "val", "train", "train", "val", "train", "train", "val"]
    for place in (Place(0, 1), Place(0, 2), Place(1, 1), Place(1, 2)):
        root = tmp_path / f"from-{place.epoch}-{place.batch}"
        fit(root, *across, f"--ckpt_path={kept[place]}")
        rest = logged_steps(root)
        assert rest == whole[-len(rest) :], place
        assert len([kind for _, kind in rest if kind == "train"]) == 6 - 3 * place.epoch - place.batch


def logged_steps(root):
    """The step and the kind of each row of a run's metrics."""
    [path] = root.glob("logs/version_*/metrics.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    kinds = {"val/bare/hard": "val", "policy/loss": "train"}
    return [(row["step"], kind) for row in rows for name, kind in kinds.items() if row.get(name)]


@pytest.mark.parametrize("elsewhere", [True, False], ids=["elsewhere", "going back"])
def test_a_signal_within_an_evolution_that_is_made_up_for(straight, tmp_path, monkeypatch, capfd, elsewhere):
    """The run that goes on has a last checkpoint of its own before its first evolution begins."""
    first, root = tmp_path / "first", tmp_path / ("second" if elsewhere else "first")
    fit(first, "--trainer.max_epochs=1", "--checkpoint.save_top_k=-1")
    if not elsewhere:
        fit(first, "--ckpt_path=last", "--checkpoint.save_top_k=-1")
    whole = first / "checkpoints" / ("last.ckpt" if elsewhere else "epoch=0.ckpt")
    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: os.kill(os.getpid(), signal.SIGTERM) if title == "children" else None)
        with pytest.raises(SystemExit) as ended:
            fit(root, f"--ckpt_path={whole}", "--checkpoint.save_top_k=-1")
    assert ended.value.code == preemption.PREEMPTED, capfd.readouterr().err
    assert place_in(load_checkpoint(root / "checkpoints" / "last.ckpt")) == Place(1)
    fit(root, "--ckpt_path=last", "--checkpoint.save_top_k=-1")
    assert state_differences(straight[0], root) == []


def test_an_evolution_that_has_begun_ends_with_the_questions_that_it_began_with(tmp_path, monkeypatch, capsys):
    """Between two epochs τ may change, but one rollout of 8 leaves too few hard questions for what is paid already."""
    fit(tmp_path, "--trainer.max_epochs=1")
    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: os.kill(os.getpid(), signal.SIGTERM) if title == "children" else None)
        with pytest.raises(SystemExit):
            fit(tmp_path, "--ckpt_path=last")
    changes = {"data.tau=1": "data.tau: expected 6,", "evolution.min_hard_set=9": "evolution.min_"}
    changes |= {"model.max_completion_length=40": "model.max_completion_length: expected 24,"}
    for change, named in changes.items():
        with pytest.raises(SystemExit):
            fit(tmp_path, "--ckpt_path=last", f"--{change}")
        assert named in (said := capsys.readouterr().err) and "unfinished evolution has begun with" in said


@pytest.mark.slow
def test_slices_of_the_data_resume_within_an_epoch(tmp_path, monkeypatch, capfd):
    """Epochs of 5 of 8 questions; the third begins the second pass, and is ended between its two steps."""
    options = ["--data.questions_per_epoch=5", "--trainer.max_epochs=3", "--fixed_questions.questions=0"]
    calls = []
    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: calls.append(title))
        fit(tmp_path / "straight", *options)
    second_step = len(calls) - 2  # of the last epoch; its validation is the last call

    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: os.kill(os.getpid(), signal.SIGTERM) if number == second_step else None)
        with pytest.raises(SystemExit):
            fit(tmp_path / "run", *options)
    assert place_in(load_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")) == Place(2, 1)
    fit(tmp_path / "run", *options, "--ckpt_path=last")
    assert run_differences(tmp_path / "straight", tmp_path / "run") == []
    tables = sorted((tmp_path / "run" / "questions").glob("*.parquet"))
    asked = [[record.id for record in read_questions(path)] for path in tables]
    assert [len(set(ids)) for ids in asked] == [5, 5, 5]
    assert len({*asked[0], *asked[1]}) == 8  # nobody waits longer than a pass


def state_differences(left, right):
    """The rollout log of an earlier step is gone by the end of a run, so the logs are left out."""
    return [path for path in run_differences(left, right) if path.startswith(("last.ckpt", "summary.json"))]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_with_a_status_of_its_own(tmp_path, number, status):
    """A real process; a job of SLURM asks to be queued again, which a program of this test notes down."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "scontrol").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/requeued\n')
    (tools / "scontrol").chmod(0o755)
    log = tmp_path / "log"
    slurm = {"PATH": f"{tools}:{os.environ['PATH']}", "SLURM_JOB_ID": "42"}
    process = start(main, command(tmp_path / "run", "--checkpoint.every_n_steps=1"), log=log, **slurm)
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
        assert process.is_alive(), log.read_text()
        time.sleep(0.02)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == status
    assert "--ckpt_path last" in log.read_text() and "Traceback" not in log.read_text()
    assert (tmp_path / "requeued").exists() == (number == signal.SIGUSR1)
    assert (
        not json.loads((tmp_path / "run" / "summary.json").read_text())["finished"]
        if (tmp_path / "run" / "summary.json").exists()
        else True
    )


def test_a_job_that_slurm_queued_again_resumes(tmp_path, straight, monkeypatch, capfd):
    """By the same command, which names no checkpoint."""
    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: os.kill(os.getpid(), signal.SIGTERM) if number == 3 else None)
        with pytest.raises(SystemExit):
            fit(tmp_path)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    fit(tmp_path)
    assert run_differences(straight[0], tmp_path) == []


QUEUED = ("--evolution.budget=0", "--fixed_questions.questions=0", "--trainer.limit_val_batches=0")
QUEUED += ("--checkpoint.save_top_k=-1", "--checkpoint.every_n_steps=1")


@pytest.mark.parametrize("elsewhere", [True, False], ids=["elsewhere", "going back"])
def test_a_job_that_slurm_queued_again_goes_back_to_the_checkpoint_that_it_names_once(tmp_path, monkeypatch, elsewhere):
    """Ended in its first step, when it has no checkpoint of its own yet, in its second, and in its second again."""
    fit(tmp_path / "first", *QUEUED, "--trainer.max_epochs=1")
    named, root = tmp_path / "first" / "checkpoints" / "epoch=0.ckpt", tmp_path / ("second" if elsewhere else "first")
    same = (*QUEUED, f"--ckpt_path={named}")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    for restarts, (number, place) in enumerate([(1, Place(1)), (2, Place(1, 1)), (1, Place(1, 1))]):
        monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
        fit_to(end_at("rollouts", number), root, *same)
        assert place_in(load_checkpoint(root / "checkpoints" / "last.ckpt")) == place
    monkeypatch.setenv("SLURM_JOB_ID", "43")  # a job that has not begun this run
    if not elsewhere:
        fit_to(end_at("rollouts"), root, *same)
        assert place_in(load_checkpoint(root / "checkpoints" / "last.ckpt")) == Place(1)


def test_a_job_that_slurm_queued_again_overwrites_the_old_run_once(tmp_path, monkeypatch, capsys, caplog):
    """Also if it was ended before it came to that."""
    root = tmp_path / "run"
    fit(root, *QUEUED, "--trainer.max_epochs=1")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    for number in (2, 1):
        fit_to(end_at("rollouts", number), root, *QUEUED, "--overwrite")
        assert place_in(load_checkpoint(root / "checkpoints" / "last.ckpt")) == Place(0, 1)
    assert f"it goes on from {root}" in capsys.readouterr().err + caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.old-1"]


def test_a_reward_that_calls_exit_does_not_end_the_run_well(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("p2o.rewards.MathAnswer.grade", lambda *_: exit(0))
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path)
    assert ended.value.code == 2
    assert "sys.exit(0); the run is not done" in capsys.readouterr().err
    assert not (tmp_path / "summary.json").exists()


def test_the_words_that_resume():
    assert resume_words(["fit", "--config", "a.yaml"]) == ["fit", "--config", "a.yaml", "--ckpt_path", "last"]
    again = ["fit", "--data.tau=2", "--ckpt_path", "last"]
    assert resume_words(["fit", "--ckpt_path", "x.ckpt", "--data.tau=2"]) == again
    assert resume_words(["fit", "--ckpt_path=x.ckpt"]) == ["fit", "--ckpt_path", "last"]
    assert resume_words(["test", "--config", "a.yaml"]) == ["test", "--config", "a.yaml"]


def limited(words):
    """A disk that takes no file of more than 2 MB, by a limit of the kernel on this process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 10**6, resource.RLIM_INFINITY))
    main(words)


def test_a_disk_that_fills_up_within_a_run_ends_it_with_one_message(tmp_path, straight):
    root, log = tmp_path / "run", tmp_path / "log"
    process = start(limited, command(root, "--checkpoint.every_n_steps=1"), log=log)
    process.join()
    assert process.exitcode == 2 and "Traceback" not in log.read_text()
    assert "last.ckpt: the checkpoint cannot be written" in log.read_text()
    assert not list(root.glob("checkpoints/*"))
    fit(root, "--ckpt_path=last")
    assert run_differences(straight[0], root) == []


WRITES = [
    ("config.yaml", save_config, "write_text"),
    ("metrics.csv", WholeWriter, "save"),
    ("metrics.csv", WholeWriter, "_rewrite_with_new_header"),
    ("last.ckpt", WholeFiles, "save_checkpoint"),
    ("train-epoch-0000.parquet.part", RowSpool, "size"),
    ("validation-epoch-0000.parquet", rollout_log, "write_parquet"),
    ("validation/epoch-0000.parquet", validation_log, "write_parquet"),
    ("evolution.json", journal, "write_text"),
    ("epoch-0000.jsonl", evolution_log, "write_jsonl"),
    ("epoch-0000.json", evolution_log, "write_json"),
    ("templates.json", question_tables, "write_json"),
    ("questions/epoch-0000.parquet", question_tables, "write_parquet"),
    ("fixed_questions.json", fixed_questions, "write_json"),
    ("summary.json", run_summary, "write_json"),
]


def read_only_from(words, root, number):
    """The run folder can no longer be written to from the n-th call of the engine on."""
    obey_modes()
    with pytest.MonkeyPatch.context() as patch:
        observe(patch, lambda call, title: set_modes(root, 0o555, 0o444) if call == number else None)
        main(words)


@pytest.mark.slow
@pytest.mark.parametrize("number", [4, 8])  # rollouts of the first epoch, and of its evolution
def test_a_folder_made_unwritable_within_a_run_ends_it_with_one_message(tmp_path, straight, number):
    assert straight[1][number] == {4: "rollouts", 8: "parents"}[number]
    root, log = tmp_path / "run", tmp_path / "log"
    process = start(read_only_from, command(root, "--checkpoint.every_n_steps=1"), root, number, log=log)
    process.join()
    set_modes(root, 0o755, 0o644)
    said = log.read_text()
    assert process.exitcode == 2 and "Traceback" not in said, said
    [message] = [line for line in said.splitlines() if line.startswith("p2o: error:")]
    assert str(root) in message and "Permission denied" in message, message
    newest_checkpoint(root / "checkpoints")  # raises if all of them are damaged
    fit(root, "--ckpt_path=last")
    assert run_differences(straight[0], root) == []


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_write_costs_one_message_each_time(straight, tmp_path, monkeypatch, capsys):
    """The kernel refuses to make a file longer during one write; then there is space, and the run goes on."""
    for file, owner, name in WRITES:
        write = vars(owner)[name]

        def full(*arguments, write=write, **options):
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
            try:
                return (write.fget if isinstance(write, property) else write)(*arguments, **options)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
            # TensorBoard writes in a thread of its own, and would meet the limit by chance.
            patch.setattr(trainer, "loggers", lambda root: [MetricsLog(root, LOGS)])
            patch.setattr(owner, name, property(full) if isinstance(write, property) else full)
            fit(tmp_path, "--ckpt_path=last", "--checkpoint.every_n_steps=1")
        said = capsys.readouterr().err
        assert ended.value.code == 2 and "Traceback" not in said, said
        [message] = [line for line in said.splitlines() if line.startswith("p2o: error:")]
        assert file in message and "written" in message, message
        newest_checkpoint(tmp_path / "checkpoints")  # raises if all of them are damaged
    fit(tmp_path, "--ckpt_path=last")
    assert run_differences(straight[0], tmp_path) == []


def test_a_run_that_goes_back_has_no_last_checkpoint_of_another_way(straight, tmp_path, monkeypatch):
    """Ended before it has written a checkpoint of its own."""
    fit(tmp_path, "--checkpoint.keep_every_n_epochs=1")
    old = tmp_path / "checkpoints" / "kept-epoch=0.ckpt"
    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: os.kill(os.getpid(), signal.SIGTERM) if number == 0 else None)
        with pytest.raises(SystemExit):
            fit(tmp_path, f"--ckpt_path={old}")
    assert place_in(load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")) == Place(1)
    fit(tmp_path, "--ckpt_path=last")
    assert run_differences(straight[0], tmp_path) == []


def test_starts_of_a_run_add_up_and_a_complete_one_says_so(tmp_path, capsys, caplog):
    read = lambda: json.loads((tmp_path / "summary.json").read_text())  # noqa: E731
    fit(tmp_path, "--trainer.max_epochs=1")
    first = read()
    assert first["starts"] == 1
    fit(tmp_path, "--trainer.max_epochs=2", "--ckpt_path=last")
    second = read()
    assert second["starts"] == 2 and second["wall_seconds"] > first["wall_seconds"] + sum(second["epoch_seconds"][1:])
    assert "Nothing is left" not in capsys.readouterr().err + caplog.text
    fit(tmp_path, "--trainer.max_epochs=2", "--ckpt_path=last")
    third = read()
    assert third["starts"] == 3 and third["wall_seconds"] > second["wall_seconds"]
    said = capsys.readouterr().err + caplog.text  # wherever an earlier test has turned it to
    assert "Nothing is left to train: the run has 2 of 2 epochs" in said and "--trainer.max_epochs 3 or higher" in said
    assert f"p2o report {tmp_path}" in said


def test_the_seconds_of_an_evolution_that_is_made_up_for_are_of_the_epoch_before_it(tmp_path):
    fit(tmp_path, "--trainer.max_epochs=1")
    read = lambda: json.loads((tmp_path / "summary.json").read_text())  # noqa: E731
    first = read()
    fit(tmp_path, "--trainer.max_epochs=2", "--ckpt_path=last")
    second = read()
    took = json.loads((tmp_path / "evolution" / "epoch-0000.json").read_text())["seconds"]
    evolved = sum(second["phase_seconds"][0].get(phase, 0.0) for phase in ("evolution", "reflection"))
    assert evolved == pytest.approx(took, abs=0.05) and took > 0.1
    assert second["epoch_seconds"][0] == pytest.approx(first["epoch_seconds"][0] + evolved, abs=0.02)
    assert second["phase_seconds"][0] | first["phase_seconds"][0] == second["phase_seconds"][0]
    kept = [seconds for epoch in second["phase_seconds"] for phase, seconds in epoch.items() if phase != "other"]
    assert second["goodput"] == pytest.approx(sum(kept) / second["wall_seconds"], rel=0.1)


def test_a_run_that_goes_on_within_its_first_epoch_says_so(tmp_path, capsys, caplog):
    rollouts = []

    def interrupt(number, title):
        rollouts.extend([number] if title == "rollouts" else [])
        if len(rollouts) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        observe(patch, interrupt)
        fit(tmp_path, "--trainer.max_epochs=1")
    assert "begins      anew; 1 epoch" in capsys.readouterr().err + caplog.text
    caplog.clear()
    fit(tmp_path, "--trainer.max_epochs=1", "--ckpt_path=last")
    said = capsys.readouterr().err + caplog.text
    assert "begins      in epoch 0 after batch 0, resumed from" in said and "anew" not in said


def test_a_start_that_ended_before_the_first_checkpoint_counts(tmp_path):
    def fail(number, title):
        if title == "rollouts":
            raise RuntimeError(title)

    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError):
            observe(patch, fail)
            fit(tmp_path, "--trainer.max_epochs=1", "--ckpt_path=last")
    fit(tmp_path, "--trainer.max_epochs=1", "--ckpt_path=last")
    assert json.loads((tmp_path / "summary.json").read_text())["starts"] == 3
    again = json.loads((tmp_path / "attempts.json").read_text())["attempts"]
    assert len(again) == 3 and len({attempt["began"] for attempt in again}) == 3


def test_a_finished_run_says_so_and_a_shorter_one_is_refused(straight, capsys):
    root = straight[0]
    summary = (root / "summary.json").read_text()
    assert json.loads(summary)["finished"]
    with pytest.raises(SystemExit):
        fit(root, "--ckpt_path=last", "--trainer.max_epochs=1")
    assert "trainer.max_epochs: expected at least 2" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        fit(root, "--ckpt_path=last", "--model.optimizer.init_args.lr=1")
    assert "model.optimizer.init_args.lr: 0.0002 -> 1" in capsys.readouterr().err
    assert (root / "summary.json").read_text() == summary


def test_an_epoch_and_the_last_checkpoint_share_one_file(straight):
    folder = straight[0] / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["epoch=1.ckpt", "last.ckpt"]
    assert (folder / "epoch=1.ckpt").samefile(folder / "last.ckpt")


def test_rollouts_of_an_epoch_s_last_batch_count_if_no_validation_follows_it(tmp_path):
    """Ended within the fixed questions at the epoch's end: the checkpoint has the batch, and so must its counts."""
    alone = ("--trainer.max_epochs=1", "--trainer.limit_val_batches=0", "--evolution.budget=0")
    fit(tmp_path / "straight", *alone)
    fit_to(end_at("fixed questions", 2), tmp_path / "run", *alone)
    fit(tmp_path / "run", *alone, "--ckpt_path=last")
    whole, resumed = summary_of(tmp_path / "straight"), summary_of(tmp_path / "run")
    assert (resumed["rollouts"], resumed["tokens"]) == (whole["rollouts"], whole["tokens"])


def early_stopping(**settings):
    """An option that adds Lightning's EarlyStopping on the accuracy on easy questions."""
    settings = {"monitor": "val/bare/easy", "mode": "max", **settings}
    part = {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": settings}
    return f"--trainer.callbacks+={json.dumps(part)}"


@pytest.mark.parametrize("interval", ["1.0", "2"], ids=["at the end of an epoch", "within an epoch of three steps"])
def test_a_run_that_early_stopping_has_ended_trains_no_further_when_it_resumes(tmp_path, interval):
    """Ended twice by a signal between the validation that decided it and the end of that epoch."""
    stop = (early_stopping(stopping_threshold=-1.0), f"--trainer.val_check_interval={interval}")
    fit(tmp_path / "straight", *stop)
    assert summary_of(tmp_path / "straight")["epochs"] == 1
    fit_to(end_at("fixed questions", 2), tmp_path / "run", *stop)
    fit_to(end_at("fixed questions"), tmp_path / "run", *stop, "--ckpt_path=last")
    fit(tmp_path / "run", *stop, "--ckpt_path=last")
    assert run_differences(tmp_path / "straight", tmp_path / "run") == []


def test_a_resumed_run_takes_another_patience(tmp_path):
    """Nothing is a gain of 2: with a patience of 1 it would end after its second epoch."""
    quick = ("--evolution.budget=0", "--fixed_questions.questions=0")
    fit(tmp_path, *quick, "--trainer.max_epochs=1", early_stopping(min_delta=2.0, patience=1))
    fit(tmp_path, *quick, "--trainer.max_epochs=3", early_stopping(min_delta=2.0, patience=9), "--ckpt_path=last")
    assert summary_of(tmp_path)["epochs"] == 3


def test_an_evolution_goes_on_in_another_folder_where_it_was_broken_off(tmp_path, monkeypatch):
    """In its third iteration: the journal beside the checkpoint has the other two."""
    long = ("--evolution.width=1", "--evolution.proposals=1", "--evolution.budget=60", "--evolution.mini_batch_size=2")
    long += ("--evolution.min_parents=1", "--trainer.limit_val_batches=0", "--fixed_questions.questions=0")
    long += (f"--evolution.reflector.templates={json.dumps([f'Think {n} times.' for n in range(8)])}",)
    calls = []
    with monkeypatch.context() as patch:
        observe(patch, lambda number, title: calls.append(title))
        fit(tmp_path / "straight", *long)
        whole = calls.count("children")
        calls.clear()
        fit_to(end_at("children", 3), tmp_path / "first", *long)
        fit(tmp_path / "second", *long, f"--ckpt_path={tmp_path}/first/checkpoints/last.ckpt")
    assert calls.count("children") == whole > 3
    assert state_differences(tmp_path / "straight", tmp_path / "second") == []


def test_going_back_to_a_checkpoint_after_which_nothing_is_left_to_train_goes_back_all_the_same(tmp_path):
    """Config, summary and last checkpoint are of one run; a start that goes nowhere leaves the config as it is."""
    quick = ("--checkpoint.save_top_k=-1", "--trainer.limit_val_batches=0", "--fixed_questions.questions=0")
    fit(tmp_path, *quick, "--evolution.budget=0", "--trainer.max_epochs=2")
    config, last = tmp_path / "config.yaml", tmp_path / "checkpoints" / "last.ckpt"
    before = config.read_text()
    fit(tmp_path, *quick, "--evolution.budget=36", "--trainer.max_epochs=2", "--ckpt_path=last")
    assert config.read_text() == before
    first = tmp_path / "checkpoints" / "epoch=0.ckpt"
    fit(tmp_path, *quick, "--evolution.budget=0", "--trainer.max_epochs=1", f"--ckpt_path={first}")
    assert summary_of(tmp_path)["epochs"] == 1 and "max_epochs: 1\n" in config.read_text()
    assert place_in(load_checkpoint(last)) == Place(1)
