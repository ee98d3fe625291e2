import json
import os
from fractions import Fraction
from types import SimpleNamespace

import pytest

from factories import rollout
from p2o.callbacks import question_log
from p2o.callbacks.question_log import QuestionLog, add
from p2o.errors import InputError
from p2o.run_folder import question_tables
from p2o.run_folder.hard_set_summary import summarise
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord, record, template_id
from p2o.run_folder.question_tables import read_questions, read_template_gaps, write_questions
from p2o.types import TemplateGap

T, U = template_id("Go slowly."), template_id("Go fast.")
TEXTS = {T: "Go slowly.", U: "Go fast."}


def entry(epoch, id, correct, templates=("", ""), hard=None):
    outcomes = ("correct",) * correct + ("wrong",) * (len(templates) - correct)
    context = "templated" if all(templates) else "mixed" if any(templates) else "bare"
    return QuestionRecord(epoch, id, "all", context, correct, correct < 1, templates, outcomes)


def test_record():
    group = [rollout(True, number=3), rollout(False, "Go slowly.", number=3), rollout(False, "Go fast.", number=3)]
    assert record(5, group, Fraction(2, 3)) == QuestionRecord(
        5, "q3", "all", "mixed", 1, True, ("", T, U), ("correct", "wrong", "wrong")
    )
    assert record(5, group, Fraction(1, 3)).hard is False


def test_a_question_that_was_asked_twice_has_one_record_and_is_hard_by_the_share_of_all_its_rollouts():
    records, all_of_two = {}, Fraction(2, 2)
    for group in ([rollout(True), rollout(False)], [rollout(True, "Go slowly."), rollout(False)]):
        add(records, record(2, group, all_of_two), all_of_two)
    outcomes = ("correct", "wrong") * 2
    assert records == {"q0": QuestionRecord(2, "q0", "all", "mixed", 2, True, ("", "", T, ""), outcomes)}
    half = Fraction(1, 2)
    add(records, record(2, [rollout(True), rollout(False)], half), half)
    assert records["q0"].correct == 3 and not records["q0"].hard


EPOCHS = [
    [entry(0, "a", 0), entry(0, "b", 0), entry(0, "c", 2), entry(0, "d", 0)],
    [entry(1, "a", 1, (T, U)), entry(1, "b", 0, (T, "")), entry(1, "c", 0), entry(1, "d", 2)],
]


def test_summary():
    first, second = summarise(EPOCHS, TEXTS)
    assert first["hard_set"] == {"questions": 3} and first["templates"] == []
    assert second == {
        "epoch": 1,
        "questions": 4,
        "hard_set": {"questions": 2, "entered": 1, "stayed": 1, "left": 2},
        "questions_by_correct": {"0": 2, "1": 1, "2": 1},
        "questions_by_context": {"templated": 1, "mixed": 1, "bare": 2},
        "rollouts_by_context": {"bare": {"rollouts": 5, "correct": 2}, "templated": {"rollouts": 3, "correct": 1}},
        "outcomes": {"wrong": 5, "correct": 3},
        "templates": [
            {"id": T, "rollouts": 2, "correct": 1, "text": "Go slowly."},
            {"id": U, "rollouts": 1, "correct": 0, "text": "Go fast."},
        ],
    }


def test_a_question_that_an_epoch_does_not_ask_stays_hard():
    """a, b and d are hard; the second epoch asks a and c alone."""
    _, second = summarise([EPOCHS[0], [entry(1, "a", 2), entry(1, "c", 0)]], {})
    assert second["hard_set"] == {"questions": 3, "entered": 1, "stayed": 2, "left": 1}


def test_files_hold_what_was_recorded(tmp_path):
    for number, records in enumerate(EPOCHS):
        write_questions(RunPaths(tmp_path), number, records, TEXTS if number else {}, [])
    assert [read_questions(path) for path in sorted(tmp_path.glob("questions/*.parquet"))] == EPOCHS
    assert json.loads(RunPaths(tmp_path).question_templates.read_text()) == TEXTS
    assert json.loads(RunPaths(tmp_path).question_summary.read_text())["epochs"] == summarise(EPOCHS, TEXTS)


def test_an_epoch_that_is_run_again_replaces_its_file_and_those_behind_do_not_count(tmp_path):
    for number, records in enumerate(EPOCHS):
        write_questions(RunPaths(tmp_path), number, records, TEXTS, [])
    write_questions(RunPaths(tmp_path), 0, EPOCHS[0][:1], {}, [])
    [only] = json.loads(RunPaths(tmp_path).question_summary.read_text())["epochs"]
    assert only["questions"] == 1


def test_earlier_epochs_are_read_once_and_their_entries_stay(tmp_path, monkeypatch):
    """Else an epoch would take longer, and more memory, with each one before it."""
    paths, read = RunPaths(tmp_path), []
    monkeypatch.setattr(question_tables, "read_questions", lambda path: read.append(path) or read_questions(path))
    epochs = [*EPOCHS, [entry(2, "a", 2)], [entry(3, "a", 0)]]
    for number, records in enumerate(epochs):
        write_questions(paths, number, records, TEXTS, [])
    assert read == []
    expected = {"epochs": summarise(epochs, TEXTS), "hard": ["a", "b", "c"]}
    assert json.loads(paths.question_summary.read_text()) == expected
    write_questions(paths, 3, epochs[3], TEXTS, [])  # again, by a run that went back
    assert json.loads(paths.question_summary.read_text()) == expected
    assert read == [paths.questions(number) for number in range(3)]
    for damage in ("{", '{"epochs": [7]}', '{"epochs": []}'):
        paths.question_summary.write_text(damage)
        write_questions(paths, 3, epochs[3], TEXTS, [])
        assert json.loads(paths.question_summary.read_text()) == expected


def test_an_interrupted_write_damages_nothing(tmp_path, monkeypatch):
    write_questions(RunPaths(tmp_path), 0, EPOCHS[0], {}, [])
    before = {path.name: path.read_bytes() for path in (tmp_path / "questions").iterdir()}

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_questions(RunPaths(tmp_path), 0, EPOCHS[1], TEXTS, [])
    assert {path.name: path.read_bytes() for path in (tmp_path / "questions").iterdir()} == before


def test_an_epoch_that_breaks_off_goes_on_where_its_checkpoint_left_it(tmp_path, monkeypatch):
    """Δ of three correct completions, the first of them before the checkpoint."""
    mixture = SimpleNamespace(hard_set=SimpleNamespace(threshold=Fraction(1, 1)))
    monkeypatch.setattr(question_log, "mixture_of", lambda trainer: mixture)
    run = SimpleNamespace(current_epoch=2, default_root_dir=tmp_path, is_global_zero=True, fast_dev_run=False)
    slow = TemplateGap("Go slowly.", -1.0, 0.5, nats=10.0, masked_nats=9.0)
    slower = TemplateGap("Go slowly.", -2.0, 0.0, nats=20.0, masked_nats=0.0)
    fast = TemplateGap("Go fast.", 0.5, 0.0)
    steps = [[slow], [slower, fast]]
    log, other, asked = QuestionLog(), QuestionLog(), [[rollout(True, "Go slowly.")]]
    log.on_train_batch_end(run, None, {"groups": asked, "gaps_of_successes": steps[0]}, None, 0)
    state = log.state_dict()
    log.on_train_batch_end(run, None, {"groups": asked, "gaps_of_successes": steps[1]}, None, 1)  # after the checkpoint
    other.load_state_dict(state)
    other.on_train_batch_end(run, None, {"groups": asked, "gaps_of_successes": steps[1]}, None, 1)
    other.on_train_epoch_end(run, None)
    # U has no text in the log
    means = {T: TemplateGap("Go slowly.", -1.5, 0.25, 2, 30.0, 9.0), U: TemplateGap(U, 0.5, 0.0, 1)}
    assert read_template_gaps(RunPaths(tmp_path), 2) == means
    assert other.state_dict()["processes"][0]["gaps"] == []


def test_gaps_of_earlier_releases_are_read(tmp_path):
    """They told no nats, neither in the file nor in the state of the callback."""
    path = RunPaths(tmp_path).template_gaps(0)
    path.parent.mkdir()
    RunPaths(tmp_path).question_templates.write_text("{}")
    path.write_text('{"a": {"gap": -1.0, "masked": 0.5, "completions": 3}}')
    assert read_template_gaps(RunPaths(tmp_path), 0) == {"a": TemplateGap("a", -1.0, 0.5, 3)}
    kept = {"template": "Go slowly.", "gap": -1.0, "masked": 0.5, "completions": 3}
    log = QuestionLog()
    log.load_state_dict({"processes": [{"records": {}, "texts": {}, "gaps": [kept]}]})
    [told] = log.state_dict()["processes"][0]["gaps"]
    assert told == kept | {"nats": None, "masked_nats": None}


def test_damaged_gaps_are_told_of(tmp_path):
    path = RunPaths(tmp_path).template_gaps(0)
    path.parent.mkdir()
    RunPaths(tmp_path).question_templates.write_text("{}")
    path.write_text('{"a": {"gap": null, "completions": 3}}')
    with pytest.raises(InputError, match="expected gap, masked and completions by template"):
        read_template_gaps(RunPaths(tmp_path), 0)
