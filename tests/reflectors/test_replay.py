"""Record and replay."""

import json
from dataclasses import replace

import pytest

from p2o.endpoints.usage import Usage
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, Proposal, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.record import RecordingReflector
from p2o.reflectors.replay import ReplayReflector
from p2o.reflectors.self_reflector import SelfReflector

JOBS = [ReflectionJob(f"t{number} {{x}} 日本", (Example("q\n", "a", "f"),), number) for number in range(4)]
PROPOSALS = [
    Proposal("Go\non.", "", "```\nGo\non.\n```", "prompt", Usage(calls=1, failures={"timeout": 1}, money=0.5)),
    Proposal("", "no fence", "\u2028 \x00", "prompt"),
    Proposal("", "no reply: timeout", "", "prompt"),
    Proposal("日本"),
]


class Fixed(Reflector):
    """Proposes what it is given; None: it fails there."""

    def __init__(self, *proposals):
        self.proposals = list(proposals)

    def reflect(self, jobs, context):
        proposals, self.proposals = self.proposals[: len(jobs)], self.proposals[len(jobs) :]
        if None in proposals:
            raise ReflectionFailed("down", proposals)
        return proposals


def test_the_longest_template_is_that_of_the_reflector_within_or_of_the_recording(tmp_path, tokenizer):
    path, renderer = str(tmp_path / "recording.jsonl"), PromptRenderer(tokenizer)
    long = Proposal("Check it. " * 9)
    recorder = RecordingReflector(Fixed(Proposal("Go on."), long), path)
    recorder.reflect(JOBS[:2], None)
    assert recorder.longest_template(renderer) is None  # `Fixed` does not say
    assert RecordingReflector(SelfReflector(max_template_length=30), path).longest_template(renderer) == 30
    told = len(tokenizer.encode(long.template, add_special_tokens=False))
    assert ReplayReflector(path).longest_template(renderer) == told


def known(proposal):
    return proposal.template, proposal.rejection, proposal.reply, proposal.prompt


def test_a_recording_serves_the_run_again_in_any_order(tmp_path):
    path = tmp_path / "new" / "recording.jsonl"
    recorder = RecordingReflector(Fixed(*PROPOSALS), str(path))
    assert recorder.reflect(JOBS[:2], None) + recorder.reflect(JOBS[2:], None) == PROPOSALS
    replay = ReplayReflector(str(path))
    replayed = replay.reflect(JOBS[::-1], None)
    assert [known(proposal) for proposal in replayed] == [known(proposal) for proposal in PROPOSALS[::-1]]
    assert all(proposal.usage == Usage() for proposal in replayed)  # it costs nothing
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    assert rows[0]["reflector"] == "Fixed" and rows[0]["job"]["template"] == JOBS[0].template
    assert rows[0]["proposal"]["usage"]["money"] == 0.5


def test_further_replies_to_a_job_are_recorded_and_served(tmp_path):
    path = tmp_path / "recording.jsonl"
    further = (Proposal("More."), Proposal("", "no fence", "Sure!", "prompt"))
    RecordingReflector(Fixed(replace(PROPOSALS[0], others=further)), str(path)).reflect(JOBS[:1], None)
    [replayed] = ReplayReflector(str(path)).reflect(JOBS[:1], None)
    assert replayed == replace(PROPOSALS[0], others=further, usage=Usage())


def test_a_recording_without_further_replies_is_served(tmp_path):
    path = tmp_path / "recording.jsonl"
    RecordingReflector(Fixed(PROPOSALS[0]), str(path)).reflect(JOBS[:1], None)
    row = json.loads(path.read_text())
    del row["proposal"]["others"]  # as of 0.1.0
    path.write_text(json.dumps(row) + "\n")
    assert known(ReplayReflector(str(path)).reflect(JOBS[:1], None)[0]) == known(PROPOSALS[0])


def test_what_was_answered_before_a_failure_is_recorded(tmp_path):
    path = tmp_path / "recording.jsonl"
    recorder = RecordingReflector(Fixed(PROPOSALS[0], None), str(path))
    with pytest.raises(ReflectionFailed):
        recorder.reflect(JOBS[:2], None)
    replay = ReplayReflector(str(path))
    assert known(replay.reflect(JOBS[:1], None)[0]) == known(PROPOSALS[0])
    with pytest.raises(ReflectionFailed, match="no proposal for 1 of 2 jobs") as caught:
        replay.reflect(JOBS[:2], None)
    assert caught.value.proposals[1] is None


def test_a_line_that_a_kill_cut_off_does_not_spoil_the_others(tmp_path):
    path = tmp_path / "recording.jsonl"
    RecordingReflector(Fixed(*PROPOSALS), str(path)).reflect(JOBS[:3], None)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    RecordingReflector(Fixed(PROPOSALS[3]), str(path)).reflect(JOBS[3:], None)
    replay = ReplayReflector(str(path))
    assert [known(p) for p in replay.reflect([JOBS[0], JOBS[1], JOBS[3]], None)] == [
        known(PROPOSALS[i]) for i in (0, 1, 3)
    ]
    with pytest.raises(ReflectionFailed):
        replay.reflect(JOBS[2:3], None)


def test_of_two_proposals_for_a_job_the_later_counts(tmp_path):
    path = tmp_path / "recording.jsonl"
    for proposal in (PROPOSALS[0], PROPOSALS[3]):
        RecordingReflector(Fixed(proposal), str(path)).reflect(JOBS[:1], None)
    assert known(ReplayReflector(str(path)).reflect(JOBS[:1], None)[0]) == known(PROPOSALS[3])


def test_jobs_are_told_apart_by_template_examples_and_seed():
    job = ReflectionJob("t", (Example("q", "a", "f"),), 1)
    others = [
        ReflectionJob("u", job.examples, 1),
        ReflectionJob("t", job.examples, 2),
        ReflectionJob("t", (Example("q", "a", "g"),), 1),
        ReflectionJob("t", job.examples * 2, 1),
    ]
    assert len({x.key for x in (job, *others)}) == 5
    assert job.key == ReflectionJob("t", (Example("q", "a", "f"),), 1).key


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "expected a recording"), ("", "found no line"), ("{}\n", "1: expected a line of RecordingReflector"),
     ('{"key": 1, "proposal": {}}\n', "1: expected a line"),
     ('{"key": "k", "proposal": {"template": "", "rejection": "", "reply": "", "prompt": "", "others": [1]}}\n',
      "1: expected a line")],
)  # fmt: skip
def test_what_is_no_recording_is_refused_before_training(tmp_path, content, message):
    path = tmp_path / "recording.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        ReplayReflector(str(path))


def test_a_file_that_cannot_be_written_is_refused_before_training():
    with pytest.raises(InputError, match="cannot be written"):
        RecordingReflector(Fixed(), "/proc/no/recording.jsonl")
