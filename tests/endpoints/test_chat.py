"""What is read of an answer, byte by byte, and what is not believed."""

import json

import pytest

from endpoints.chat_server import completion
from p2o.endpoints.chat import ChatReply, is_filtered, read_completion
from p2o.endpoints.usage import Usage

USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


@pytest.mark.parametrize(
    "reason", ["length", "max_tokens", "model_length", "content_filter", "MAX_TOKENS", "tool_calls", 7]
)
def test_what_did_not_stop_by_itself_is_no_finished_text(reason):
    reply = read_completion(completion("half a sen", reason))
    assert isinstance(reply, ChatReply) and reply.truncated


@pytest.mark.parametrize("reason", ["stop", "eos", "eos_token", "end_turn", None])
def test_what_stopped_is(reason):
    assert not read_completion(completion("All.", reason)).truncated


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "One "}, {"type": "text", "text": "two."}], "One two."),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Go."}], "Go."),
        ([{"type": "output_text", "text": "Go."}], "Go."),
        ([{"text": "Go."}], "Go."),
        ([{"type": "thinking", "thinking": "hm"}], None),
    ],
)
def test_content_in_parts_is_read_and_its_tokens_are_booked(content, text):
    reply = read_completion(completion(content, usage=USAGE))
    assert reply == ChatReply(text, False, Usage(prompt_tokens=3, completion_tokens=4))


@pytest.mark.parametrize("content", [5, {"text": "x"}, [], [5], ["x"]])
def test_other_content_is_none_and_may_have_been_paid_for(content):
    failure = read_completion(completion(content))
    assert failure.cause == "no chat completion" and failure.paid and not failure.retried


@pytest.mark.parametrize(
    ("error", "cause", "retried", "permanent", "refused"),
    [
        ({"code": 429, "message": "slow down"}, "error 429", True, False, False),
        ({"code": 503, "message": "overloaded"}, "error 503", True, False, False),
        ({"code": 401, "message": "no"}, "error 401", False, True, False),
        ({"message": "no"}, "no chat completion", False, False, False),
        ("broken", "no chat completion", False, False, False),
        ({"code": "content_filter", "message": "no"}, "no chat completion", False, False, True),
        ({"code": 400, "message": "content policy"}, "error 400", False, False, True),
        ({"code": 403, "message": "content policy"}, "error 403", False, True, False),
        ({"code": 429, "message": "moderation"}, "error 429", True, False, False),
    ],
)
def test_an_error_with_status_200_is_the_error_that_it_tells(error, cause, retried, permanent, refused):
    failure = read_completion(json.dumps({"error": error}).encode())
    assert (failure.cause, failure.retried, failure.permanent, failure.refused) == (cause, retried, permanent, refused)


def test_filters_are_known_by_what_they_say():
    assert is_filtered("The response was filtered due to the prompt triggering Azure's content management policy.")
    assert is_filtered("content_filter") and not is_filtered("The model does not exist.")
