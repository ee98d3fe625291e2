import json
import warnings
from contextlib import nullcontext
from dataclasses import replace

import pytest

from endpoints.chat_server import KEY, ChatServer, completion, status
from p2o.endpoints.budget import Spending
from p2o.endpoints.client import Endpoint
from p2o.endpoints.retry import Retries
from p2o.endpoints.usage import Usage
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors import DiagnosingReflector, FailureJudge, RecordingReflector, ReplayReflector, TeacherReflector
from p2o.reflectors.base import Example, Partner, ReflectionContext, ReflectionFailed, ReflectionJob

SLIPPED = Example("17+26?", "17+26=33", "The final answer is wrong.\nIt was read as: 33")
GUESSED = Example("3*91?", "Surely 200.", "The final answer is wrong.")
RIGHT = Example("1+1?", "2", "The final answer is correct.")
JOBS = [ReflectionJob("a", (SLIPPED, RIGHT)), ReflectionJob("b", (SLIPPED, GUESSED))]
KINDS = {"SLIP": "a step went wrong", "NO_PLAN": "a guess"}
USAGE = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}


def judging_and_reflecting(body):
    """The judge finds a slip in a sum and a guess elsewhere; the reflector proposes what it was asked."""
    text = body["messages"][0]["content"]
    if "Kinds of failure" not in text:
        return completion(usage=USAGE)
    return completion("Perhaps NO_PLAN? No: SLIP" if "17+26" in text else "NO_PLAN.", usage=USAGE)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", KEY)
    with ChatServer() as server:
        server.script = [judging_and_reflecting]
        yield server


@pytest.fixture
def build(server):
    def build(spending=Spending(), **arguments):  # noqa: B008 (frozen)
        endpoint = Endpoint(
            server.url,
            "m",
            api_key_env="TEACHER_KEY",
            concurrency=1,
            retries=Retries(attempts=1, failures_in_a_row=2),
            spending=spending,
        )
        return DiagnosingReflector(
            TeacherReflector(endpoint), FailureJudge(endpoint, **{"taxonomy": KINDS} | arguments)
        )

    return build


@pytest.fixture
def context(tokenizer):
    return ReflectionContext(None, PromptRenderer(tokenizer), None, None, Usage())


def asked(server):
    texts = [body["messages"][0]["content"] for _, _, body, _ in server.requests]
    judged = [text for text in texts if "Kinds of failure" in text]
    return judged, [text for text in texts if text not in judged]


def test_the_reflector_reads_the_kind_of_each_failure_and_what_is_right_is_not_judged(build, server, context):
    proposals = build().reflect(JOBS, context)
    judged, reflected = asked(server)
    assert ["17+26?" in text for text in judged] == [True, False]  # once, although two jobs show it
    assert all("1+1" not in text and "SLIP: a step went wrong" in text for text in judged)
    first, second = reflected
    slip = "It was read as: 33\nThe kind of failure: SLIP, a step went wrong."
    assert slip in first and slip in second and "NO_PLAN, a guess." in second
    assert first.count("The kind of failure") == 1
    assert [proposal.template for proposal in proposals] == ["Go step by step."] * 2
    assert [(proposal.usage.calls, proposal.usage.tokens) for proposal in proposals] == [(2, 110), (2, 110)]


def test_a_kind_that_is_not_named_leaves_the_feedback_as_it_is(build, server, context):
    server.script = [completion("Hard to say."), completion("SLIP", finish_reason="length"), completion()]
    build().reflect(JOBS[1:], context)
    _, [prompt] = asked(server)
    assert "The kind of failure" not in prompt


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("Slip", "SLIP"),
        ("**No plan**.", "NO_PLAN"),
        ("no-plan", "NO_PLAN"),
        ("At first no plan, and then a slip", "SLIP"),
        ("NO_PLAN: this is no slip.", "NO_PLAN"),  # what is named exactly counts first
        ("It slipped; no planning.", ""),
        ("", ""),
    ],
)
def test_a_kind_is_known_by_its_words(build, server, context, reply, kind):
    server.script = [completion(reply), completion()]
    build().reflect([ReflectionJob("a", (GUESSED,))], context)
    _, [prompt] = asked(server)
    assert f"The kind of failure: {kind}, {KINDS[kind]}." in prompt if kind else "The kind of failure" not in prompt


def test_a_judge_that_never_names_a_kind_is_told_of_once(build, server, context):
    def hesitating(body):
        is_judge = "Kinds of failure" in body["messages"][0]["content"]
        return completion("Hard to say." if is_judge else "```\nGo.\n```")

    server.script = [hesitating]
    reflector = build()
    examples = [replace(GUESSED, inputs=f"{n}?") for n in range(20)]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for example in examples:
            assert len(told) <= 1
            reflector.reflect([ReflectionJob("a", (example,))], context)
            assert bool(told) == (len(asked(server)[0]) >= 8)
    [warning] = told
    assert "none of 8 judgements names a kind (SLIP, NO_PLAN), the last one was 'Hard to say.'" in str(warning.message)


def test_a_crossover_is_not_judged(build, server, context):
    build().reflect([ReflectionJob("a", (SLIPPED,), partner=Partner("b", ("x",), ("y",)))], context)
    judged, reflected = asked(server)
    assert (len(judged), len(reflected)) == (0, 1)


def test_a_judge_that_cannot_go_on_ends_reflection_and_is_paid_once(build, server, context):
    reflector = build()
    server.script = [completion("SLIP", usage=USAGE), status(401)]
    with pytest.raises(ReflectionFailed, match=r"DiagnosingReflector: .*401") as failed:
        reflector.reflect(JOBS, context)
    assert (failed.value.usage.calls, failed.value.usage.tokens) == (2, 55)
    server.requests.clear()
    server.script = [judging_and_reflecting]
    proposals = reflector.reflect(JOBS, context)
    judged, _ = asked(server)
    assert len(judged) == 1 and "17+26" not in judged[0]
    assert sum(proposal.usage.calls for proposal in proposals) == 3


def test_a_reflector_that_cannot_go_on_tells_what_the_judge_cost(build, server, context):
    def deny(body):
        answer = judging_and_reflecting(body)
        return answer if "Kinds of failure" in body["messages"][0]["content"] else status(401)

    server.script = [deny]
    with pytest.raises(ReflectionFailed, match="TeacherReflector") as failed:
        build().reflect(JOBS, context)
    assert failed.value.usage.tokens == 110


def test_what_was_judged_before_a_failure_is_not_judged_again_in_a_resumed_run(build, server, context, tmp_path):
    """The judge is refused halfway, then the reflector, and between them another process goes on."""
    path = str(tmp_path / "recording.jsonl")
    scripts = [completion("SLIP", usage=USAGE), status(401)], [completion("NO_PLAN", usage=USAGE), status(401)]
    state, costs = {}, []
    for script in scripts:
        reflector = RecordingReflector(build(), path)
        reflector.load_state_dict(state)
        server.script = list(script)
        with pytest.raises(ReflectionFailed) as failed:
            reflector.reflect(JOBS, context)
        costs.append(failed.value.usage.tokens)
        state = json.loads(json.dumps(reflector.state_dict()))
        server.requests.clear()
    resumed = RecordingReflector(build(), path)
    resumed.load_state_dict(state)
    server.script = [judging_and_reflecting]
    proposals = resumed.reflect(JOBS, context)
    judged_now, [first, second] = asked(server)
    assert costs == [55, 55] and not judged_now
    assert "SLIP, a step went wrong." in first and "SLIP" in second and "NO_PLAN, a guess." in second
    assert [proposal.usage.tokens for proposal in proposals] == [55, 55]
    assert resumed.state_dict() == build().state_dict(), "the jobs are answered"


def test_a_judgement_that_names_no_kind_is_paid_once_too(build, server, context):
    server.script = [completion("Hard to say.", usage=USAGE), completion("NO_PLAN", usage=USAGE), status(401)]
    reflector = build()
    with pytest.raises(ReflectionFailed):
        reflector.reflect(JOBS, context)
    server.requests.clear()
    server.script = [judging_and_reflecting]
    reflector.reflect(JOBS, context)
    judged, [first, second] = asked(server)
    assert not judged and "The kind of failure" not in first and second.count("The kind of failure") == 1


def test_a_kind_that_the_resumed_run_does_not_know_is_judged_anew(build, server, context):
    server.script = [completion("SLIP"), completion("NO_PLAN"), status(401)]
    first = build()
    with pytest.raises(ReflectionFailed):
        first.reflect(JOBS, context)
    resumed = build(taxonomy={"SLIP": "a slip", "GUESS": "a guess"})
    resumed.load_state_dict(first.state_dict())
    server.requests.clear()
    server.script = [completion("GUESS"), completion()]
    resumed.reflect(JOBS, context)
    [judged], [_, prompt] = asked(server)
    assert "3*91?" in judged and "SLIP, a slip." in prompt and "GUESS, a guess." in prompt


@pytest.mark.parametrize("beyond", [False, True])
def test_the_limit_counts_what_the_judge_has_spent(build, server, context, beyond):
    """Two judgements cost 110 tokens, and the reflection fits beside them, or is one token too long."""
    free = build()
    free.reflect(JOBS[1:], context)
    _, [prompt] = asked(server)
    most = free.reflector.endpoint.count(prompt, context.renderer.tokenizer) + free.reflector.max_reply_length
    limited = build(Spending(tokens=most + 110 - beyond), max_reply_length=64)
    with pytest.raises(ReflectionFailed, match="beyond the limit") if beyond else nullcontext():
        limited.reflect(JOBS[1:], context)
    judged, reflected = asked(server)
    assert (len(judged), len(reflected)) == (4, 1 if beyond else 2)


def test_a_recording_around_it_replays_without_judge_and_reflector(build, server, context, tmp_path):
    path = str(tmp_path / "recording.jsonl")
    proposals = RecordingReflector(build(), path).reflect(JOBS, context)
    server.requests.clear()
    replayed = ReplayReflector(path).reflect(JOBS, context)
    assert [p.template for p in replayed] == [p.template for p in proposals] and not server.requests
    assert RecordingReflector(build(), path).name == "TeacherReflector m, judge m"


def test_a_long_response_loses_its_middle(build, server, context):
    long = Example("q", "begin " + "word " * 500 + "end", "The final answer is wrong.")
    build(longest_output=64).reflect([ReflectionJob("a", (long,))], context)
    [judged], _ = asked(server)
    assert "begin" in judged and "end" in judged and "tokens left out" in judged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"taxonomy": {"SLIP": "x"}}, "expected at least two kinds"),
        ({"taxonomy": {"A slip": "x", "B": "y"}}, "names of letters.*got A slip, B"),
        ({"taxonomy": {}}, "got none"),
        ({"max_reply_length": 0}, "of at least 1, got 0 and 4096"),
        ({"taxonomy": {"A": KEY, "B": "y"}}, "expected the key in the environment variable alone"),
    ],
)
def test_mistakes_are_named(build, arguments, message):
    with pytest.raises(InputError, match=message):
        build(**arguments)


def test_the_endpoints_of_judge_and_reflector_are_tried_and_a_replay_has_none(build, tmp_path):
    judged = build()
    path = tmp_path / "recording.jsonl"
    recorded = RecordingReflector(judged, str(path))
    assert recorded.endpoints == (judged.reflector.endpoint, judged.judge.endpoint)
    path.write_text(
        '{"key": "k", "proposal": {"template": "t", "rejection": "", "reply": "", "prompt": ""}}\n', encoding="utf-8"
    )
    assert ReplayReflector(str(path)).endpoints == ()
