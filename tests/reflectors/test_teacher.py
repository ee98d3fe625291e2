import asyncio
import itertools
import os
import resource
import signal
import socket
import threading
import time

import pytest

from endpoints.chat_server import (
    CERTIFICATE,
    DRIP,
    DROP,
    FLOOD,
    FLOOD_OF_HEADERS,
    KEY,
    NO_HTTP,
    QUOTE_KEY,
    REPLY,
    RESET,
    ChatServer,
    completion,
    echo,
    flood_of_errors,
    status,
)
from p2o.distributed import preemption
from p2o.endpoints.budget import Spending
from p2o.endpoints.client import Endpoint
from p2o.endpoints.retry import Retries
from p2o.endpoints.usage import Usage
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, ReflectionContext, ReflectionFailed, ReflectionJob
from p2o.reflectors.teacher import TeacherReflector

JOB = ReflectionJob("Be {quick}.", (Example("1+1?", "3", "Wrong, it is 2."),))
QUICK = Retries(attempts=5, first_wait=0.01, longest_wait=2.0)
OWN = {"max_reply_length", "window", "tokenizer", "prompt", "max_template_length"}  # not the endpoint's
TOLD = {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}


@pytest.fixture
def teacher(monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", KEY)
    with ChatServer() as server:
        yield server


@pytest.fixture
def new(teacher):
    def build(*script, **arguments):
        teacher.script = list(script) or teacher.script
        settings = {
            "base_url": teacher.url,
            "model": "m",
            "api_key_env": "TEACHER_KEY",
            "timeout": 10,
            "retries": QUICK,
        }
        own = {name: arguments.pop(name) for name in list(arguments) if name in OWN}
        return TeacherReflector(Endpoint(**settings | arguments), **own)

    return build


@pytest.fixture
def context(tokenizer):
    def build(spent=Usage()):  # noqa: B008 (frozen)
        return ReflectionContext(None, PromptRenderer(tokenizer), None, None, spent)

    return build


@pytest.fixture
def reflect(new, context):
    def run(*script, jobs=(JOB,), **arguments):
        return new(*script, **arguments).reflect(jobs, context())

    return run


def test_a_call(reflect, teacher):
    [proposal] = reflect(
        completion(usage=TOLD),
        prompt="Now: <curr_param> Seen: <side_info>",
        extra_body={"top_k": 5, "chat_template_kwargs": {"a": 1}},
    )
    assert (proposal.template, proposal.rejection, proposal.reply) == ("Go step by step.", "", REPLY)
    [(path, headers, body, _)] = teacher.requests
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}"
    [message] = body.pop("messages")
    assert body == {
        "model": "m", "temperature": 0.6, "max_tokens": 2048, "top_k": 5, "chat_template_kwargs": {"a": 1}
    }  # fmt: skip
    assert proposal.prompt == message["content"]
    assert message["role"] == "user" and message["content"].startswith("Now: Be {quick}. Seen: # Example 1")
    usage = proposal.usage
    assert (usage.calls, usage.retries, usage.failures, usage.prompt_tokens, usage.tokens) == (1, 0, {}, 70, 79)
    assert 0 < usage.seconds < 10 and proposal.tokens == 9


def test_the_other_name_of_the_length(reflect, teacher):
    reflect(length_field="max_completion_tokens", max_reply_length=7)
    body = teacher.requests[0][2]
    assert body["max_completion_tokens"] == 7 and "max_tokens" not in body


def test_proposals_come_in_the_order_of_the_jobs_and_calls_run_side_by_side(reflect, teacher):
    teacher.seconds = 0.1
    jobs = [ReflectionJob(f"t{number}", JOB.examples) for number in range(12)]
    proposals = reflect(echo, jobs=jobs, concurrency=4, prompt="<curr_param> <side_info>")
    assert [proposal.template for proposal in proposals] == [job.template for job in jobs]
    assert 1 < teacher.most_active <= 4


def test_no_jobs_no_calls(reflect, teacher):
    assert reflect(jobs=()) == [] and teacher.requests == []


def test_in_a_running_loop_as_notebooks_have_it(new, context):
    async def cell():
        return new().reflect([JOB], context())

    [proposal] = asyncio.run(cell())
    assert proposal.template == "Go step by step."


@pytest.fixture
def interrupts():
    """Sends Ctrl-C after so many seconds each to this process, which listens as a run does."""
    before = signal.getsignal(signal.SIGINT)
    preemption.forget()
    preemption.listen()
    yield lambda *moments: [threading.Timer(at, os.kill, (os.getpid(), signal.SIGINT)).start() for at in moments]
    preemption.forget()
    for number in preemption.SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, before)


def in_a_loop(work):
    async def cell():
        return work()

    return asyncio.run(cell())


@pytest.mark.parametrize("where", [in_a_loop, lambda work: work()], ids=["notebook", "command"])
def test_the_second_interrupt_ends_calls_at_once_and_the_first_waits_for_them(new, context, teacher, interrupts, where):
    teacher.seconds = 0.2
    interrupts(0.3)
    assert len(where(lambda: new(concurrency=1).reflect([JOB] * 4, context()))) == len(teacher.requests) == 4
    begun = time.monotonic()
    interrupts(0.3)
    with pytest.raises(KeyboardInterrupt):
        where(lambda: new(concurrency=1).reflect([JOB] * 40, context()))
    assert time.monotonic() - begun < 4 and len(teacher.requests) < 20


# ---- faults that pass


def test_retry_after_is_waited_for(reflect, teacher):
    [proposal] = reflect(status(429, Retry_After="1"), completion())
    assert proposal.template == "Go step by step."
    first, second = (request[3] for request in teacher.requests)
    assert 0.9 <= second - first < 3


@pytest.mark.parametrize(
    ("fault", "cause"),
    [*((status(code), f"status {code}") for code in (408, 409, 429, 500, 502, 503, 529)),
     (DROP, "no connection"), (RESET, "no connection"), (NO_HTTP, "no connection"),
     (FLOOD_OF_HEADERS, "no connection"), (DRIP, "timeout")],
    ids=str,
)  # fmt: skip
def test_what_may_pass_is_tried_again_and_counted(reflect, teacher, fault, cause):
    [proposal] = reflect(fault, fault, completion(), timeout=0.3 if cause == "timeout" else 30)
    assert proposal.template == "Go step by step." and len(teacher.requests) == 3
    assert (proposal.usage.calls, proposal.usage.retries, proposal.usage.failures) == (1, 2, {cause: 2})


def test_a_burst_of_different_errors_is_survived(reflect):
    [proposal] = reflect(status(500), DROP, status(503), status(429, retry_after_ms="5"), status(502), completion())
    assert proposal.template == "Go step by step."
    assert proposal.usage.failures == {
        "status 500": 1, "no connection": 1, "status 503": 1, "status 429": 1, "status 502": 1
    }  # fmt: skip


def test_waits_grow(reflect, teacher):
    reflect(status(500), status(500), status(500), completion(), retries=Retries(first_wait=0.1, longest_wait=0.2))
    times = [request[3] for request in teacher.requests]
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert 0.07 < waits[0] < 0.5 and waits[1] > 0.14 and 0.14 < waits[2] < 0.7


# ---- calls that fail: counted, the others go on


@pytest.mark.parametrize(
    ("fault", "cause", "attempts"),
    [
        (status(400), "status 400", 1),
        (status(422), "status 422", 1),
        (status(500), "status 500", 3),
        (status(429, Retry_After="3600"), "status 429", 1),  # longer than longest_wait
        (DROP, "no connection", 3),
        (DRIP, "timeout", 3),
    ],
    ids=str,
)
def test_a_call_that_fails_costs_one_proposal(reflect, teacher, fault, cause, attempts):
    jobs = [ReflectionJob("a", JOB.examples), ReflectionJob("b", JOB.examples)]

    def one_fails(body):
        return fault if body["messages"][0]["content"].startswith("a") else completion()

    retries = Retries(attempts=2, first_wait=0.01, longest_wait=1)
    patience = 1.0 if fault is DRIP else 60.0  # a busy machine takes its time to answer
    failed, fine = reflect(one_fails, jobs=jobs, prompt="<curr_param> <side_info>", retries=retries, timeout=patience)
    assert (failed.template, failed.rejection) == ("", f"no reply: {cause}")
    assert failed.usage.failures == {cause: attempts} and failed.usage.retries == attempts - 1
    assert fine.template == "Go step by step." and len(teacher.requests) == attempts + 1


@pytest.mark.parametrize(
    "body",
    [b'{"id": ', b"", b"null", b"[1]", b"\xff", b"<html>",
     b'{"error": {"message": "x"}}', b'{"choices": []}', b'{"choices": [{}]}',
     b'{"choices": [{"message": "x"}]}', b'{"choices": [{"message": {"content": 5}}]}', b"[" * 100_000,
     (200, b"<html>Welcome</html>", {"content-type": "text/html"}), (200, b"hi", {"content-type": "text/plain"}),
     (204, b"", {}), (200, completion()[:-40], {}),
     (200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', {"content-type": "text/event-stream"})],
)  # fmt: skip
def test_what_is_no_chat_completion_is_not_believed_nor_asked_for_again(reflect, teacher, body):
    [proposal] = reflect(body)
    assert (proposal.template, proposal.rejection) == ("", "no reply: no chat completion")
    assert len(teacher.requests) == 1


@pytest.mark.parametrize("fault", [FLOOD, flood_of_errors(500), flood_of_errors(401)], ids=str)
def test_an_answer_without_end_does_not_fill_the_memory(reflect, teacher, fault, monkeypatch):
    monkeypatch.setattr("p2o.endpoints.connection.MOST_BYTES", 4 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [proposal] = reflect(fault, max_reply_length=100)
    assert (proposal.template, proposal.rejection) == ("", "no reply: too long")
    assert proposal.usage.completion_tokens == 100  # as much as it can have cost
    assert len(teacher.requests) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # kB


def test_a_chat_completion_of_another_content_type_is_read(reflect):
    [proposal] = reflect((200, completion(), {"content-type": "text/plain"}))
    assert proposal.template == "Go step by step."


# ---- the end: no further call


@pytest.mark.parametrize(
    ("code", "advice"),
    [(401, "Check the key"), (402, "Check the account"), (403, "Check what the key may do"),
     (404, "Check base_url and model")],
)  # fmt: skip
def test_what_no_other_call_would_mend_ends_at_once(reflect, teacher, code, advice):
    with pytest.raises(ReflectionFailed) as caught:
        reflect(status(code, message=f"key {KEY} is wrong"))
    said = str(caught.value)
    assert f"{teacher.url}/chat/completions, model 'm', answered with status {code}" in said and advice in said
    assert KEY not in said and "key $TEACHER_KEY is wrong" in said
    assert len(teacher.requests) == 1
    assert (caught.value.proposals, caught.value.usage.failures) == ((None,), {f"status {code}": 1})


def test_after_a_permanent_failure_nothing_more_is_asked_and_what_was_answered_is_kept(reflect, teacher):
    answers = iter([completion(usage=TOLD), completion("no fence", usage=TOLD)])
    jobs = [ReflectionJob("", JOB.examples, seed) for seed in range(40)]
    with pytest.raises(ReflectionFailed, match="status 401") as caught:
        reflect(lambda body: next(answers, status(401)), jobs=jobs, concurrency=1)
    assert len(teacher.requests) == 3
    first, second, *others = caught.value.proposals
    assert (first.template, second.rejection, set(others)) == ("Go step by step.", "no fence", {None})
    assert (caught.value.usage.calls, caught.value.usage.tokens) == (3, 2 * 79)


def test_replies_under_way_are_waited_for(reflect, teacher):
    """One call is refused at once while another is being answered: its reply is paid for."""
    teacher.seconds = 0.0

    def slow_or_refused(body):
        if body["messages"][0]["content"].startswith("slow"):
            time.sleep(0.3)
            return completion()
        return status(401)

    jobs = [ReflectionJob(name, JOB.examples) for name in ("slow", "b", "c", "d")]
    with pytest.raises(ReflectionFailed) as caught:
        reflect(slow_or_refused, jobs=jobs, concurrency=2, prompt="<curr_param> <side_info>")
    assert [proposal and proposal.template for proposal in caught.value.proposals] == [
        "Go step by step.", None, None, None
    ]  # fmt: skip
    assert len(teacher.requests) == 2


@pytest.mark.parametrize("fault", [status(400), status(500), DROP, b"<html>"], ids=str)
def test_calls_that_fail_in_a_row_open_the_circuit_breaker(reflect, teacher, fault):
    retries = Retries(attempts=0, failures_in_a_row=3)
    with pytest.raises(ReflectionFailed, match=r"failed in 3 calls in a row, the last time it "):
        reflect(fault, jobs=[JOB] * 20, concurrency=1, retries=retries)
    assert len(teacher.requests) == 3


def test_the_circuit_breaker_counts_across_batches_and_starts_anew_after_a_reply(new, context, teacher):
    retries = Retries(attempts=0, failures_in_a_row=3)
    bad = status(500)
    reflector = new(bad, bad, completion(), bad, bad, bad, completion(), retries=retries)
    rejections = [reflector.reflect([JOB], context())[0].rejection for _ in range(5)]
    assert rejections == ["no reply: status 500"] * 2 + [""] + ["no reply: status 500"] * 2
    with pytest.raises(ReflectionFailed, match="failed in 3 calls in a row"):
        reflector.reflect([JOB], context())
    assert reflector.reflect([JOB], context())[0].template  # somebody asked again: the server may be back


def test_no_server(reflect):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(ReflectionFailed, match=r"not be reached .*attempts failed.* Check base_url") as caught:
            reflect(base_url=url, jobs=[JOB] * 5, retries=Retries(attempts=1, first_wait=0.01))
    assert url in str(caught.value)


def test_a_certificate_that_nobody_trusts_ends_at_once(reflect, teacher):
    """Nothing of the key or the prompt is sent."""
    with ChatServer(tls=True) as impostor:
        with pytest.raises(
            ReflectionFailed, match=r"certificate that is not trusted \(self.signed.*SSL_CERT_FILE"
        ) as why:
            reflect(base_url=impostor.url, jobs=[JOB] * 5, concurrency=1)
        assert impostor.requests == [] and why.value.usage.failures == {"untrusted certificate": 1}


def test_a_certificate_that_is_named_is_trusted(reflect, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with ChatServer(tls=True) as server:
        [proposal] = reflect(base_url=server.url)
        assert proposal.template == "Go step by step."


@pytest.mark.parametrize("tls", [False, True])
def test_http_and_https_taken_for_one_another(reflect, tls):
    with ChatServer(tls) as server:
        wrong = server.url.replace(server.scheme, "http" if tls else "https")
        with pytest.raises(ReflectionFailed, match=r"could not be reached .* Check ") as why:
            reflect(base_url=wrong, jobs=[JOB] * 3, retries=Retries(attempts=1, first_wait=0.01))
        assert server.requests == [] and set(why.value.usage.failures) == {"no connection"}
    if not tls:
        assert "http:// or https://" in str(why.value)


def test_a_name_that_does_not_resolve(reflect, monkeypatch):
    """The resolver is a stub: where there is no network, a real one would think for a quarter of a minute."""

    def unknown(host, *_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ReflectionFailed, match=r"Name or service not known.* Check base_url") as why:
        retries = Retries(attempts=1, first_wait=0.01)
        reflect(base_url="http://no-such-teacher.invalid/v1", jobs=[JOB] * 5, retries=retries, concurrency=1)
    assert why.value.usage.failures == {"no connection": 6}


@pytest.mark.parametrize(("code", "requests"), [(404, 1), (400, 3)], ids=["vLLM and OpenAI", "others"])
def test_a_model_that_the_server_does_not_have(reflect, teacher, code, requests):
    with pytest.raises(ReflectionFailed, match=r"model 'm', .*The model `m` does not exist"):
        reflect(status(code, "The model `m` does not exist."), jobs=[JOB] * 9, concurrency=1)
    assert len(teacher.requests) == requests


def test_a_redirection_does_not_take_the_key_elsewhere(reflect, teacher):
    with ChatServer() as other:
        [proposal] = reflect((307, b"", {"location": f"{other.url}/chat/completions"}))
        [(_, headers, _, _)] = other.requests
        assert proposal.template == "Go step by step." and headers["Authorization"] is None


def test_redirections_in_a_circle_end(reflect, teacher):
    retries = Retries(attempts=0, failures_in_a_row=1)
    with pytest.raises(ReflectionFailed, match="could not be reached"):
        reflect((307, b"", {"location": f"{teacher.url}/chat/completions"}), retries=retries)
    assert len(teacher.requests) < 30


def test_too_slow(reflect, teacher):
    teacher.seconds = 1.0
    with pytest.raises(ReflectionFailed, match=r"gave no reply within 0.1 s. Raise timeout"):
        reflect(timeout=0.1, jobs=[JOB] * 3, retries=Retries(attempts=0))


# ---- limits


def test_the_limit_on_tokens_is_never_passed(reflect, teacher):
    """A call costs at most its prompt, counted on the safe side, and its longest reply."""
    arguments = {"prompt": "<curr_param><side_info>", "max_reply_length": 100}
    [proposal] = reflect(completion(usage=None), **arguments)
    most = proposal.usage.tokens  # the server does not tell: the most that it can be
    jobs = [ReflectionJob(JOB.template, JOB.examples, seed) for seed in range(9)]
    with pytest.raises(ReflectionFailed, match=r"limit of [\d,]+ tokens \(spending.tokens\)") as caught:
        reflect(completion(usage=None), jobs=jobs, spending=Spending(tokens=3 * most + 5), concurrency=1, **arguments)
    assert caught.value.usage.tokens == 3 * most and len(teacher.requests) == 1 + 3
    assert sum(proposal is not None for proposal in caught.value.proposals) == 3


def test_calls_under_way_count_towards_the_limit(reflect, teacher):
    teacher.seconds = 0.1
    arguments = {"prompt": "<curr_param><side_info>", "max_reply_length": 100}
    [proposal] = reflect(completion(usage=None), **arguments)
    limit = Spending(tokens=3 * proposal.usage.tokens + 5)
    with pytest.raises(ReflectionFailed, match="limit"):
        reflect(completion(usage=None), jobs=[JOB] * 9, spending=limit, concurrency=9, **arguments)
    assert len(teacher.requests) == 1 + 3


def test_money_is_counted_and_limited_over_the_whole_run(new, context, teacher):
    spending = Spending(money=0.01, prompt_price=2.0, completion_price=10.0)
    reflector = new(completion(usage=TOLD), spending=spending, max_reply_length=100)
    [proposal] = reflector.reflect([JOB], context())
    assert proposal.usage.money == pytest.approx((70 * 2 + 9 * 10) / 1e6)
    with pytest.raises(ReflectionFailed, match=r"limit of 0.01 \(spending.money\)"):
        reflector.reflect([JOB], context(Usage(money=0.0095)))
    assert len(teacher.requests) == 1


@pytest.mark.parametrize(
    "told", [None, {}, {"prompt_tokens": -5, "completion_tokens": 3}, {"prompt_tokens": "9", "completion_tokens": 3},
             {"prompt_tokens": 10**400, "completion_tokens": 3}, [1],
             {"prompt_tokens": 5, "completion_tokens": 0}], ids=str
)  # fmt: skip
def test_a_server_that_does_not_tell_its_tokens_does_not_run_free(reflect, told):
    [proposal] = reflect(completion(usage=told), max_reply_length=100)
    assert proposal.usage.completion_tokens == 100 and proposal.usage.prompt_tokens > 100


# ---- what is asked


def test_long_outputs_are_shortened_to_the_window(reflect, teacher):
    """The tokenizer at hand counts bytes; the margin is for that of the model, which is not at hand."""
    job = ReflectionJob("Go.", (Example("1+1?", "a" * 3000, "wrong"), Example("2+2?", "short", "wrong")))
    reflect(jobs=[job], prompt="<curr_param>|<side_info>", window=1000, max_reply_length=100, token_margin=1.5)
    prompt = teacher.requests[0][2]["messages"][0]["content"]
    assert "aaa" in prompt and "tokens left out" in prompt and "short" in prompt
    assert 500 < len(prompt) <= (1000 - 100) / 1.5


def test_the_models_own_tokenizer(reflect, teacher, tiny_model):
    reflect(tokenizer=str(tiny_model), token_margin=1.0)
    with pytest.raises(InputError, match="tokenizer '/no/such' could not be loaded"):
        reflect(tokenizer="/no/such")


def test_a_prompt_that_never_fits_is_refused_without_a_call(reflect, teacher):
    job = ReflectionJob("Go.", (Example("q" * 3000, "a", "wrong"),))
    long, fine = reflect(jobs=[job, JOB], prompt="<curr_param>|<side_info>", window=1000, max_reply_length=100)
    assert (long.rejection, fine.template) == ("prompt too long", "Go step by step.")
    assert len(teacher.requests) == 1


# ---- what is replied


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (completion(""), "empty"),
        (completion(None), "empty"),
        (completion(None, reasoning_content="I think ```\nno\n```"), "empty"),
        (completion("<think>hm"), "unfinished thought"),
        (completion("```\nGo step"), "unfinished fence"),
        (completion("Go."), "no fence"),
        (completion(REPLY, finish_reason="length"), "unfinished"),
        (completion(None, finish_reason="length"), "unfinished"),
        (completion("```\n" + "x" * 1025 + "\n```"), "too long"),
    ],
)
def test_rejected_replies(reflect, body, cause):
    [proposal] = reflect(body)
    assert (proposal.template, proposal.rejection) == ("", cause)


def test_half_a_surrogate_pair_is_no_crash(reflect):
    [proposal] = reflect(completion("```\nGo \ud83d on.\n```"))
    assert proposal.template == "Go ? on."


def test_a_reply_of_10_mb(reflect):
    start = time.process_time()
    [proposal] = reflect(completion("```\n" + "x y\n" * 2_500_000 + "```"))
    assert proposal.rejection == "too long" and time.process_time() - start < 5


# ---- the key


def test_the_key_is_never_kept(new, teacher):
    reflector = new()
    assert KEY not in repr(vars(reflector)) + repr(vars(reflector.endpoint))


def test_a_reply_that_quotes_the_key_is_redacted(reflect):
    [proposal] = reflect(QUOTE_KEY)
    assert proposal.template == "Say $TEACHER_KEY." and KEY not in repr(proposal)


@pytest.mark.parametrize(
    "arguments",
    [{"base_url": f"http://127.0.0.1:1/{KEY}"}, {"base_url": "http://me:pw@127.0.0.1:1/v1"}, {"model": KEY},
     {"base_url": "http://token@127.0.0.1:1/v1"}, {"base_url": "http://token:@127.0.0.1:1/v1"},
     {"base_url": f"http://127.0.0.1:1/v1?api_key={KEY.replace('-', '%2D')}"},
     {"extra_body": {"headers": [KEY]}}, {"prompt": f"<curr_param><side_info>{KEY}"}],
    ids=str,
)  # fmt: skip
def test_settings_that_hold_the_key_are_refused(new, arguments):
    with pytest.raises(InputError, match="environment variable alone") as caught:
        new(**arguments)
    assert KEY not in str(caught.value)


def test_a_query_in_the_address_is_refused(new):
    with pytest.raises(InputError, match="base_url without a query") as caught:
        new(base_url="http://127.0.0.1:1/v1?token=another-secret")
    assert "another-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [(None, "not set"), (" \n", "not set"), ("schlüssel", "not ASCII"), (f"{KEY}\nsk-two", "more than one line"),
     (f"{KEY}\rsk-two", "more than one line")],
)  # fmt: skip
def test_no_key_and_one_that_no_request_can_carry(monkeypatch, value, why):
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEACHER_KEY", value)
    with pytest.raises(InputError, match=f"variable TEACHER_KEY, which is {why}") as refused:
        Endpoint("http://127.0.0.1:1/v1", "m", api_key_env="TEACHER_KEY")
    assert KEY not in str(refused.value)


def test_a_server_without_keys_takes_anything(reflect, monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", "e")
    [proposal] = reflect()
    assert proposal.template == "Go step by step."  # and no letter e is taken for the key


@pytest.mark.parametrize(
    "arguments",
    [{"base_url": "localhost:8000"}, {"timeout": 0}, {"concurrency": 0}, {"temperature": -0.1},
     {"max_reply_length": 0}, {"max_template_length": 0}, {"prompt": "no placeholders"}, {"window": 2048},
     {"token_margin": 0.9}],
)  # fmt: skip
def test_bad_arguments(new, arguments):
    with pytest.raises(InputError):
        new(**arguments)
