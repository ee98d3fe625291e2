"""What VLLMServers adds to the contract, against stubs: which server samples what, faults, and refusals."""

import gc
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from stub_server import StubServer, stub_servers

from p2o.engines import FixedWeights, SamplingParams, SharedFolder, VLLMServers
from p2o.engines.vllm.servers import server
from p2o.engines.vllm.servers.prompt_queue import PromptQueue
from p2o.errors import InputError
from p2o.progress.tasks import Display, watched_by
from p2o.types import Prompt
from vllm_servers import free_urls

SAMPLING = SamplingParams(1.0, 6)
PROMPTS = [Prompt((question, 7, 8), 10 * question + k) for question in range(8) for k in range(6)]
EXPECTED = [tuple(StubServer.tokens(list(prompt.ids), {"seed": prompt.seed, "max_tokens": 6})) for prompt in PROMPTS]


@pytest.fixture
def stubs():
    with stub_servers(2) as made:
        yield made


@pytest.fixture
def engine(stubs, tmp_path):
    return VLLMServers(list(stubs), "float32", SharedFolder(str(tmp_path)), concurrency=4)


def sample(engine, policy):
    return [completion.ids for completion in engine.generate(policy, PROMPTS, SAMPLING, "test")]


def test_both_sample_and_the_rollouts_of_a_question_stay_together(engine, stubs, policy):
    assert sample(engine, policy) == EXPECTED
    first, second = (stub.asked for stub in stubs.values())
    assert min(len(first), len(second)) > len(PROMPTS) / 4
    assert len(set(first) & set(second)) <= 2  # at the end one helps the other


def test_the_wait_shows_how_many_are_there(engine, policy):
    counts = []

    class Watches(Display):
        def changed(self, tasks):
            counts.extend((task.title, task.done, task.total) for task in tasks)

    submitted = engine.submit(policy, PROMPTS, SAMPLING)
    submitted.settle()
    with watched_by(Watches()):
        submitted.wait("later")
        sample(engine, policy)
    assert counts[0] == ("later", len(PROMPTS), len(PROMPTS))
    assert counts[-1] == ("test", len(PROMPTS), len(PROMPTS))


def test_weights_are_sent_when_they_changed_and_have_a_name_of_their_own(engine, stubs, policy):
    for _ in range(2):
        sample(engine, policy)
    names = {stub.version for stub in stubs.values()}
    assert len(names) == 1 and all(stub.updates.count("update_weights") == 1 for stub in stubs.values())
    with torch.no_grad():
        next(policy.parameters()).mul_(2)
    sample(engine, policy)
    assert all(stub.version not in names and stub.updates.count("update_weights") == 2 for stub in stubs.values())
    order = ["update_weight_version", "pause", "start_weight_update", "update_weights", "finish_weight_update"]
    assert next(iter(stubs.values())).updates[:8] == [*order, "reset_prefix_cache", "update_weight_version", "resume"]


def test_a_run_that_is_over_leaves_the_next_one_s_weights_of_the_process_alone(stubs, policy, tmp_path):
    """A second fit of a notebook, on the same servers: whoever collects the first one's engine does so at any time."""
    shared = SharedFolder(str(tmp_path))
    first, second = (VLLMServers(list(stubs), "float32", shared, concurrency=4) for _ in range(2))
    sample(first, policy)
    with torch.no_grad():
        next(policy.parameters()).mul_(2)
    sample(second, policy)
    del first
    gc.collect()
    assert list(tmp_path.rglob("*.safetensors"))
    del second
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_weights_that_cannot_be_loaded_end_the_run_and_their_name_is_not_given(engine, stubs, policy):
    for stub in stubs.values():
        stub.fail_updates = "finish_weight_update"
    with pytest.raises(InputError, match=r"could not load the weights.*no weights for"):
        sample(engine, policy)
    assert {stub.version for stub in stubs.values()} == {"incomplete"}


@pytest.mark.parametrize("fault", ["500", "reset", "abort"])
def test_a_request_that_fails_is_made_again_with_the_same_seed(engine, stubs, policy, fault):
    for stub in stubs.values():
        stub.faults = ["", fault, "", fault]
    assert sample(engine, policy) == EXPECTED


def test_a_server_that_stops_is_left_out_and_told_of_and_comes_back(stubs, policy, tmp_path, caplog):
    # A stub that stops may accept a connection and leave it alone: that takes the timeout to see.
    engine = VLLMServers(list(stubs), "float32", SharedFolder(str(tmp_path)), concurrency=2, timeout=10.0)
    first, second = stubs.values()
    threading.Timer(0.05, second.stop).start()
    with caplog.at_level(logging.WARNING):
        assert sample(engine, policy) == EXPECTED
        assert sum("is lost" in record.message for record in caplog.records) == 1
        assert sample(engine, policy) == EXPECTED  # and still
    assert len(first.asked) > len(PROMPTS)


def test_a_server_that_is_not_there_at_first_is_named_once_and_comes_back(engine, stubs, policy, caplog):
    first, second = stubs.values()
    second.starting = True
    with caplog.at_level(logging.WARNING):
        assert sample(engine, policy) == sample(engine, policy) == EXPECTED
        assert sum("is lost: status 503" in record.message for record in caplog.records) == 1
        second.starting = False
        assert sample(engine, policy) == EXPECTED
    assert second.asked and second.version == first.version
    assert sum("is back" in record.message for record in caplog.records) == 1


def test_no_server_left_ends_the_run_with_one_message(engine, stubs, policy):
    for stub in stubs.values():
        stub.stop()
    with pytest.raises(InputError, match=r"no server is left of 2 .*resume the run"):
        sample(engine, policy)


def test_a_server_that_hangs_ends_nothing_for_the_other(stubs, policy, tmp_path, caplog, monkeypatch):
    """It takes connections and never answers, as a stopped process does."""
    monkeypatch.setattr(server, "HEALTH_SECONDS", 1.0)
    engine = VLLMServers(list(stubs), "float32", SharedFolder(str(tmp_path)), concurrency=4, timeout=3.0)
    _, second = stubs.values()
    second.hangs_after = 3
    assert sample(engine, policy) == EXPECTED
    assert sum("is lost: TimeoutError" in record.message for record in caplog.records) == 1


def test_a_server_that_was_started_anew_within_a_phase_gets_the_weights_before_it_is_used(engine, stubs, policy):
    first, second = stubs.values()
    second.faults = ["", "", "restart"]
    assert sample(engine, policy) == EXPECTED
    assert second.version == first.version and second.updates.count("update_weights") == 2


def test_a_server_whose_weights_change_again_and_again_is_lost(stubs, policy, tmp_path):
    """As when two runs share it."""
    url, stub = next(iter(stubs.items()))
    stub.faults = ["restart"] * 1000
    with pytest.raises(InputError, match=r"no server is left .* it has the weights 'default' and not 'p2o-"):
        sample(VLLMServers([url], "float32", SharedFolder(str(tmp_path))), policy)


@pytest.mark.parametrize(("fault", "message"), [("400", "out of vocabulary"), ("short", "expected a completion that")])
def test_an_answer_that_is_no_accident_ends_the_run(engine, stubs, policy, fault, message):
    next(iter(stubs.values())).faults = [fault]
    with pytest.raises(InputError, match=message):
        sample(engine, policy)


def test_a_server_with_too_short_a_window_is_refused_with_the_length(engine, stubs, policy):
    next(iter(stubs.values())).window = 8
    with pytest.raises(InputError, match=r"prompt of 3 tokens and a completion of up to 6 .* 8 tokens of http"):
        sample(engine, policy)


def test_fixed_weights_are_never_sent_and_others_are_refused(stubs, policy):
    engine = VLLMServers(list(stubs), "float32", FixedWeights())
    assert sample(engine, policy) == EXPECTED
    assert all(not stub.updates for stub in stubs.values())
    next(iter(stubs.values())).version = "p2o-1"
    with pytest.raises(InputError, match="the weights that the server was started with"):
        sample(engine, policy)


def test_a_folder_that_cannot_be_written_is_refused(stubs, policy, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"model.engine.weights.folder: expected a folder"):
        sample(VLLMServers(list(stubs), "float32", SharedFolder(str(tmp_path / "file"))), policy)


def test_the_key_comes_from_the_environment(engine, policy, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "secret-key")
    headers = []

    async def look(server):
        headers.append(dict(server.http.headers))

    engine.group.each(engine.group.urls, look)
    assert {header["Authorization"] for header in headers} == {"Bearer secret-key"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls": []},
        {"urls": ["node2:8000"]},
        {"urls": ["http://a:1", "http://a:1/"]},
        {"urls": ["http://a:1/v1"]},
        {"urls": ["http://me:key@a:1"]},
        {"urls": ["http://a:1"], "concurrency": 0},
        {"urls": ["http://a:1"], "timeout": 0},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError, match=r"urls|VLLMServers"):
        VLLMServers(**wrong)


# ---- before a run


def check(policy, tokenizer, *urls):
    VLLMServers(list(urls), "float32").check(policy.config, tokenizer, 512)


def test_nobody_listens(policy, tokenizer):
    with pytest.raises(InputError, match=r"expected a vLLM server at http://127.0.0.1:\d+, nobody answers.*p2o serve"):
        check(policy, tokenizer, *free_urls(1))


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_):
        pass


def test_not_a_vllm(policy, tokenizer):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(InputError, match=r"expected a vLLM server, what answers at /openapi.json is another"):
            check(policy, tokenizer, f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()


def test_a_vllm_without_the_interface(stubs, policy, tokenizer):
    url, stub = next(iter(stubs.items()))
    del stub.paths["/weight_info"]
    with pytest.raises(InputError, match=r"0\.32 or newer with VLLM_SERVER_DEV_MODE=1, got vLLM 0\.31\.0 without /w"):
        check(policy, tokenizer, url)


# ---- the queue


def test_each_prompt_is_taken_once_and_neighbours_stay_together():
    queue, taken = PromptQueue(PROMPTS), []
    servers = ["a", "b", "c"]
    while (number := queue.take(servers[len(taken) % 3])) is not None:
        taken.append((servers[len(taken) % 3], number))
    assert sorted(number for _, number in taken) == list(range(len(PROMPTS)))
    assert taken[0] == ("a", 0) and taken[1] == ("b", 6) and taken[3] == ("a", 1)


def test_what_is_given_back_is_taken_by_another():
    queue = PromptQueue(PROMPTS[:2])
    assert [queue.take("a"), queue.take("a"), queue.take("b")] == [0, 1, None]
    queue.give_back(1)
    assert queue.take("b") == 1 and queue.take("a") is None
