import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from p2o.errors import InputError
from p2o.prompts import PromptRenderer
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.teacher import TeacherReflector

KEY = "sk-very-secret-0123456789"
REPLY = "```\nGo step by step.\n```"
JOB = ReflectionJob("Be {quick}.", (Example("1+1?", "3", "Wrong, it is 2."),))


def completion(content=REPLY, finish_reason="stop", **message):
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": content} | message,
    }
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}).encode()


def echo(body):
    """Proposes the first word of the prompt."""
    return completion("```\n" + body["messages"][0]["content"].split()[0] + "\n```")


def status(code, message="no", **headers):
    return code, json.dumps({"error": {"message": message}}).encode(), headers


class Teacher(ThreadingHTTPServer):
    """A real HTTP server that speaks chat completions and misbehaves as it is told.

    `script` has an answer for each request: bytes, (status, bytes, headers), "drop" or `echo`; the last one
    repeats.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.script = [completion()]
        self.requests = []
        self.active = self.most_active = 0
        self.seconds = 0.0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        teacher = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with teacher.lock:
            teacher.requests.append((self.path, self.headers, body, time.monotonic()))
            answer = teacher.script[min(len(teacher.requests), len(teacher.script)) - 1]
            teacher.active += 1
            teacher.most_active = max(teacher.most_active, teacher.active)
        time.sleep(teacher.seconds)
        with teacher.lock:
            teacher.active -= 1
        if answer is echo:
            self.answer(200, echo(body), {})
        elif answer == "drop":
            self.answer(200, b'{"id', {"content-length": "1000"})
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answer(*((200, answer, {}) if isinstance(answer, bytes) else answer))

    def answer(self, code, body, headers):
        self.send_response(code)
        for name, value in ({"content-type": "application/json", "content-length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def teacher(monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", KEY)
    with Teacher() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def reflect(teacher, tokenizer):
    context = SimpleNamespace(renderer=PromptRenderer(tokenizer))

    def run(*script, jobs=(JOB,), **arguments):
        teacher.script = list(script) or teacher.script
        arguments = {"base_url": teacher.url, "model": "m", "api_key_env": "TEACHER_KEY", "timeout": 10} | arguments
        return TeacherReflector(**arguments).reflect(jobs, context)

    return run


def test_a_call(reflect, teacher):
    [proposal] = reflect(
        prompt="Now: <curr_param> Seen: <side_info>", extra_body={"top_k": 5, "chat_template_kwargs": {"a": 1}}
    )
    assert (proposal.template, proposal.refusal, proposal.reply) == ("Go step by step.", "", REPLY)
    [(path, headers, body, _)] = teacher.requests
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}"
    [message] = body.pop("messages")
    assert body == {
        "model": "m", "temperature": 0.6, "max_tokens": 2048, "top_k": 5, "chat_template_kwargs": {"a": 1}
    }  # fmt: skip
    assert proposal.prompt == message["content"]
    assert message["role"] == "user" and message["content"].startswith("Now: Be {quick}. Seen: # Example 1")


def test_proposals_come_in_the_order_of_the_jobs_and_calls_run_side_by_side(reflect, teacher):
    teacher.seconds = 0.1
    jobs = [ReflectionJob(f"t{number}", JOB.examples) for number in range(12)]
    proposals = reflect(echo, jobs=jobs, concurrency=4, prompt="<curr_param> <side_info>")
    assert [proposal.template for proposal in proposals] == [job.template for job in jobs]
    assert 1 < teacher.most_active <= 4


@pytest.mark.parametrize(("usage", "tokens"), [({"completion_tokens": 9}, 9), ({}, 0), (None, 0)])
@pytest.mark.parametrize("reply", [REPLY, "no fence"])
def test_tokens_are_those_that_the_endpoint_counts(reflect, reply, usage, tokens):
    [proposal] = reflect(json.dumps(json.loads(completion(reply)) | {"usage": usage}).encode())
    assert proposal.tokens == tokens


def test_no_jobs_no_calls(reflect, teacher):
    assert reflect(jobs=()) == [] and teacher.requests == []


def test_retry_after_is_waited_for(reflect, teacher):
    [proposal] = reflect(status(429, Retry_After="1"), completion())
    assert proposal.template == "Go step by step."
    first, second = (request[3] for request in teacher.requests)
    assert 0.9 <= second - first < 3


def test_a_burst_of_errors_is_survived(reflect, teacher):
    burst = [status(code, retry_after_ms="5") for code in (500, 503, 502, 408)]
    [proposal] = reflect(*burst, completion())
    assert proposal.template == "Go step by step." and len(teacher.requests) == 5


def test_a_dropped_connection_is_retried(reflect, teacher):
    [proposal] = reflect("drop", completion())
    assert proposal.template == "Go step by step." and len(teacher.requests) == 2


@pytest.mark.parametrize(
    ("code", "advice"),
    [(400, "Check model and extra_body"), (401, "Check the key"), (403, "Check what the key may do"),
     (404, "Check base_url and model"), (422, "Check model and extra_body")],
)  # fmt: skip
def test_what_no_retry_mends_ends_at_once(reflect, teacher, code, advice):
    with pytest.raises(InputError) as caught:
        reflect(status(code, message=f"key {KEY} is wrong"))
    said = str(caught.value)
    assert f"{teacher.url}/chat/completions, model 'm', answered with status {code}" in said and advice in said
    assert KEY not in said and "key $TEACHER_KEY is wrong" in said
    assert len(teacher.requests) == 1


def test_errors_that_go_on_end_after_the_retries(reflect, teacher):
    with pytest.raises(InputError, match=r"status 500 .*Wait"):
        reflect(status(500, retry_after_ms="5"), max_retries=2)
    assert len(teacher.requests) == 3


def test_after_a_permanent_failure_nothing_more_is_asked(reflect, teacher):
    teacher.seconds = 0.05
    with pytest.raises(InputError, match="status 401"):
        reflect(status(401), jobs=[JOB] * 40, concurrency=2)
    assert len(teacher.requests) < 10


def test_no_server(reflect, teacher):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(InputError, match=r"could not be reached .*Connection refused.* Check base_url") as caught:
            reflect(base_url=url, max_retries=0)
    assert url in str(caught.value)


def test_too_slow(reflect, teacher):
    teacher.seconds = 1.0
    with pytest.raises(InputError, match=r"could not be reached .*timed out"):
        reflect(timeout=0.2, max_retries=0)


@pytest.mark.parametrize(
    "body",
    [b'{"id": ', b"", b"null", b"[1]", b"\xff", b"<html>",
     b'{"error": {"message": "x"}}', b'{"choices": []}', b'{"choices": [{}]}',
     b'{"choices": [{"message": "x"}]}', b'{"choices": [{"message": {"content": 5}}]}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_chat_completion_is_an_error(reflect, body):
    with pytest.raises(InputError, match="something else than a chat completion") as caught:
        reflect(body)
    assert len(str(caught.value)) < 700


def test_a_page_of_html_is_an_error(reflect):
    with pytest.raises(InputError, match="something else than a chat completion"):
        reflect((200, b"<html>Welcome</html>", {"content-type": "text/html"}))


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
        (completion("```\nSay <|end|>.\n```"), "special token"),
    ],
)
def test_refusals(reflect, body, cause):
    [proposal] = reflect(body)
    assert (proposal.template, proposal.refusal) == ("", cause)


def test_a_reply_of_10_mb(reflect):
    start = time.process_time()
    [proposal] = reflect(completion("```\n" + "x y\n" * 2_500_000 + "```"))
    assert proposal.refusal == "too long" and time.process_time() - start < 5


def test_the_key_is_never_kept(reflect, teacher):
    reflector = TeacherReflector(teacher.url, "m", "TEACHER_KEY")
    assert KEY not in repr(vars(reflector))


@pytest.mark.parametrize(("value", "why"), [(None, "not set"), (" \n", "not set"), ("schlüssel", "not ASCII")])
def test_no_key(monkeypatch, value, why):
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEACHER_KEY", value)
    with pytest.raises(InputError, match=f"variable TEACHER_KEY, which is {why}"):
        TeacherReflector("http://127.0.0.1:1/v1", "m", api_key_env="TEACHER_KEY")


@pytest.mark.parametrize(
    "arguments",
    [{"base_url": "localhost:8000"}, {"timeout": 0}, {"concurrency": 0}, {"max_retries": -1}, {"temperature": -0.1},
     {"max_reply_length": 0}, {"max_template_length": 0}, {"prompt": "no placeholders"}],
)  # fmt: skip
def test_bad_arguments(monkeypatch, arguments):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(InputError):
        TeacherReflector(**({"base_url": "http://127.0.0.1:1/v1", "model": "m"} | arguments))
