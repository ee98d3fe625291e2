"""What is known of an endpoint before the first call: by its list of models, over real HTTP."""

import json
import logging
import socket

import pytest

from endpoints.chat_server import DRIP, DROP, KEY, NO_HTTP, ChatServer, completion, status
from p2o.endpoints import Endpoint, Retries, Usage, try_endpoints
from p2o.errors import InputError

ASKED = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}, {"id": "n"}]}).encode()
OTHERS = json.dumps({"data": [{"id": f"model-{number}"} for number in range(20)]}).encode()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer() as running:
        yield running


def endpoint(url, **options):
    return Endpoint(base_url=url, model="m", **options)


@pytest.mark.parametrize("models", [ASKED, status(404), status(405), status(500), b"<html>", b"[]", b'{"data": [3]}'])
def test_a_server_with_the_model_or_without_a_list_is_not_doubted(server, models, recwarn):
    server.models = models
    try_endpoints([endpoint(server.url)], "it", True)
    assert server.listed == 1 and not server.requests and not recwarn.list


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_that_is_refused_ends_it_with_a_message_that_does_not_tell_it(server, code):
    server.models = status(code, message=f"bad key {KEY}")
    with pytest.raises(
        InputError, match=rf"it: {server.url}/models, asked .* status {code} .*bad key.*Check "
    ) as refused:
        try_endpoints([endpoint(server.url)], "it", True)
    assert KEY not in str(refused.value) and server.listed == 1  # without retries
    with pytest.warns(UserWarning, match=f"status {code}"):
        try_endpoints([endpoint(server.url)], "it", False)


def test_nobody_listens_and_a_name_without_an_address(server):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1", f"https{server.url[4:]}"):
        with pytest.raises(InputError, match=r"could not be reached .*Check"):
            try_endpoints([endpoint(url)], "it", True)


@pytest.mark.parametrize(
    ("models", "doubt"),
    [
        (OTHERS, "lists no model 'm', but model-0, model-1, .* and others. Check model"),
        (status(403, message="Missing scopes: api.model.read"), "status 403"),  # the key may do for completions
        (DROP, "could not be reached"),
        (NO_HTTP, "could not be reached"),
        (DRIP, "gave no list of models in time"),
    ],
)
def test_a_doubt_is_a_warning(server, models, doubt):
    server.models = models
    with pytest.warns(UserWarning, match=doubt):
        try_endpoints([endpoint(server.url, timeout=0.5 if models == DRIP else 10)], "it", True)


def test_names_of_a_server_cannot_steer_the_terminal(server):
    server.models = json.dumps({"data": [{"id": "\x1b[2Jevil\nline"}]}).encode()
    with pytest.warns(UserWarning, match="lists no model") as warned:
        try_endpoints([endpoint(server.url)], "it", True)
    assert str(warned[0].message).isprintable() and "evil" in str(warned[0].message)


def test_equal_endpoints_are_asked_once(server):
    server.models = ASKED
    try_endpoints([endpoint(server.url), endpoint(server.url), Endpoint(base_url=server.url, model="n")], "it", True)
    assert server.listed == 2


def test_calls_that_are_tried_again_are_said_once(server, tokenizer, caplog):
    server.script = [status(503), status(503), completion()]
    retries = Retries(first_wait=1.4, longest_wait=1.4)
    with caplog.at_level(logging.WARNING):
        endpoint(server.url, retries=retries).ask(["a", "b"], 9, tokenizer, Usage(), "calls")
    [record] = [record for record in caplog.records if record.name.startswith("p2o.endpoints")]
    assert "answered with status 503" in record.getMessage() and "trying again in 1 s" in record.getMessage()
