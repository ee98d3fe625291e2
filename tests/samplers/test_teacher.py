"""Teachers with a real renderer and, for the endpoint, a real HTTP server on loopback."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest

from factories import question
from p2o.engines import Sampling
from p2o.errors import InputError
from p2o.prompts import PromptRenderer
from p2o.samplers import EndpointTeacher, Teacher, TeacherCompletions
from p2o.samplers.endpoint_teacher import tokenized
from p2o.types import Completion
from samplers.stub_context import sample


class CountingTeacher(Teacher):
    """A stub that writes its seed."""

    def __init__(self):
        self.asked = []

    def complete(self, asks, context):
        self.asked.append([question.id for question, _ in asks])
        return [Completion((seed % 1000, 7), False, logps=(-1.0, -2.0)) for _, seed in asks]


class Context(SimpleNamespace):
    """A stub of the run on one process."""

    def gather(self, value):
        return [value]

    def count(self, phase, completions):
        self.counted = [*self.counted, (phase, len(completions))]

    def taught(self, samples, completions):
        return list(completions)


def test_each_question_is_asked_once_and_the_state_lasts():
    teacher, context = CountingTeacher(), Context(seed=3, counted=[])
    sampler = TeacherCompletions(teacher)
    first = sampler([sample(0), sample(1)], context).groups
    assert sampler([sample(1), sample(2)], context).groups[:2] == first[2:]
    assert teacher.asked == [["q0", "q0", "q1", "q1"], ["q2", "q2"]]
    assert context.counted == [("teacher", 4), ("teacher", 2)]
    assert len({one.ids for one in first}) == 4  # all seeds differ
    assert {one.logps for one in first} == {None}  # they were those of another prompt
    other = TeacherCompletions(teacher)
    other.load_state_dict(sampler.state_dict())
    assert other.completions == sampler.completions


@pytest.fixture
def server():
    """Answers each question with its own text in a box; what it was asked is kept."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.bodies.append(body)
            content = body["messages"][0]["content"]
            reply = {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "length" if "q1" in content else "stop",
                        "message": {"role": "assistant", "content": f"It is {content[-3:]}<|end|>"},
                    }
                ],
            }
            self.send_response(self.server.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.bodies, server.status = [], 200
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(tokenizer, policy):
    return Context(renderer=PromptRenderer(tokenizer, "Solve: "), policy=policy, sampling=Sampling(1.0, 24))


def test_an_endpoint_is_asked_the_bare_question(server, context, tokenizer, monkeypatch):
    monkeypatch.setenv("KEY_OF_THE_TEST", "k")
    teacher = EndpointTeacher(f"http://127.0.0.1:{server.server_port}/v1", "m", "KEY_OF_THE_TEST", concurrency=2)
    found = teacher.complete([(question(0), 1), (question(1), 2)], context)
    assert sorted(body["messages"][0]["content"] for body in server.bodies) == [
        "Solve: What is 0+1?",
        "Solve: What is 1+1?",
    ]
    assert {body["max_tokens"] for body in server.bodies} == {24}
    eos = tokenizer.eos_token_id
    for completion in found:
        # the text spells a special token, which stays text: the only eos is the one at the end
        assert tokenizer.decode(completion.ids[:-1]) == "It is +1?<|end|>"
        assert completion.ids.index(eos) == len(completion.ids) - 1 and not completion.truncated


def test_what_the_limit_cut_has_no_end(context):
    cut = tokenized("abc", finished=False, context=context, limit=24)
    assert cut.truncated and len(cut.ids) == 3
    long = tokenized("a" * 30, finished=True, context=context, limit=24)
    assert long.truncated and len(long.ids) == 24


def test_a_call_that_fails_for_good_is_one_message(server, context, monkeypatch):
    monkeypatch.setenv("KEY_OF_THE_TEST", "secret-key")
    server.status = 400
    teacher = EndpointTeacher(f"http://127.0.0.1:{server.server_port}/v1", "m", "KEY_OF_THE_TEST", max_retries=0)
    with pytest.raises(InputError, match=r"gave no completion: .*400") as error:
        teacher.complete([(question(0), 1)], context)
    assert "secret-key" not in str(error.value)


def test_a_missing_key_shows_before_training(monkeypatch):
    monkeypatch.delenv("KEY_OF_THE_TEST", raising=False)
    with pytest.raises(InputError, match="environment variable KEY_OF_THE_TEST"):
        EndpointTeacher("http://127.0.0.1:1/v1", "m", "KEY_OF_THE_TEST")
