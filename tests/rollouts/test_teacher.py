"""Teachers with a real renderer and, for the endpoint, a real HTTP server on loopback."""

import copy
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from stub_step import mixture_item
from tokenizers import AddedToken

from endpoints.chat_server import DRIP, DROP, KEY, QUOTE_KEY, ChatServer, completion, status
from factories import question
from p2o.endpoints import Endpoint, Retries, Spending
from p2o.engines import SamplingParams
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.rollouts import EndpointTeacher, RolloutCounts, StepFailed, Teacher, TeacherCompletions
from p2o.rollouts.endpoint_teacher import tokenized
from p2o.rollouts.teacher import TeacherFailed
from p2o.types import Completion

QUICK = Retries(attempts=5, first_wait=0.01, longest_wait=2.0)


class CountingTeacher(Teacher):
    """A stub that writes its seed."""

    def __init__(self):
        self.asked = []

    def complete(self, asks, step):
        self.asked.append([question.id for question, _ in asks])
        return [Completion((seed % 1000, 7), False, logps=(-1.0, -2.0)) for _, seed in asks]


class Worker(SimpleNamespace):
    """A stub of the worker: keeps what is handed to it."""

    def grade_teacher_completions(self, items, completions):
        return list(completions)


def new_step(**parts):
    """A stub of a training step."""
    worker = Worker(counts=RolloutCounts(), renderer=parts.pop("renderer", None))
    return SimpleNamespace(worker=worker, **parts)


def test_each_question_is_asked_once_and_the_state_lasts():
    teacher, step = CountingTeacher(), new_step(seed=3)
    sampler = TeacherCompletions(teacher)
    first = sampler([mixture_item(0), mixture_item(1)], step).train
    assert sampler([mixture_item(1), mixture_item(2)], step).train[:2] == first[2:]
    assert teacher.asked == [["q0", "q0", "q1", "q1"], ["q2", "q2"]]
    assert step.worker.counts.rollouts["teacher"] == 6
    assert len({one.ids for one in first}) == 4  # all seeds differ
    assert {one.logps for one in first} == {None}  # they were those of another prompt
    other = TeacherCompletions(teacher)
    other.load_state_dict(sampler.state_dict())
    assert other.completions == sampler.completions


class BrokenTeacher(CountingTeacher):
    """A stub that fails after so many completions."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def complete(self, asks, step):
        written = super().complete(asks, step)
        raise TeacherFailed("no", [one if k < self.after else None for k, one in enumerate(written)])


def test_of_a_question_that_two_processes_ask_each_completion_is_kept(monkeypatch):
    """Padding gives them the same one, and the first process fails behind its first completion."""
    said, other, sampler = [], TeacherCompletions(CountingTeacher()), TeacherCompletions(BrokenTeacher(after=1))
    monkeypatch.setattr("p2o.distributed.unions.gather", lambda mine: said.append(mine) or [mine])
    other([mixture_item(0)], new_step(seed=3))
    monkeypatch.setattr("p2o.distributed.unions.gather", lambda mine: [mine, said.pop(0)])
    with pytest.raises(StepFailed):
        sampler([mixture_item(0)], new_step(seed=3))
    assert sampler.completions == other.completions and None not in sampler.completions["q0"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("KEY_OF_THE_TEST", KEY)
    with ChatServer() as server:
        yield server


@pytest.fixture
def new(server):
    def build(*script, **arguments):
        server.script = list(script) or server.script
        arguments = {"retries": QUICK, "timeout": 10, "concurrency": 2} | arguments
        return EndpointTeacher(Endpoint(server.url, "m", "KEY_OF_THE_TEST", **arguments))

    return build


@pytest.fixture
def step(tokenizer, policy):
    return new_step(
        renderer=PromptRenderer(tokenizer, "Solve: "), policy=policy, sampling=SamplingParams(1.0, 24), seed=0
    )


def asks(count):
    return [(question(number), number) for number in range(count)]


def test_an_endpoint_is_asked_the_bare_question(new, server, step, tokenizer):
    def reply(body):
        content = body["messages"][0]["content"]
        return completion(f"It is {content[-3:]}<|end|>")

    found = new(reply).complete(asks(2), step)
    assert sorted(body["messages"][0]["content"] for _, _, body, _ in server.requests) == [
        "Solve: What is 0+1?",
        "Solve: What is 1+1?",
    ]
    assert {body["max_tokens"] for _, _, body, _ in server.requests} == {24}
    eos = tokenizer.eos_token_id
    for one in found:
        # the text spells a special token, which stays text: the only eos is the one at the end
        assert tokenizer.decode(one.ids[:-1]) == "It is +1?<|end|>"
        assert one.ids.index(eos) == len(one.ids) - 1 and not one.truncated


def test_a_text_ends_with_the_token_that_ends_a_turn(new, step, policy, tokenizer):
    """Of several that end a completion; the first of Llama 3's stands at the end of texts, and not of turns."""
    policy.generation_config.eos_token_id = [tokenizer.pad_token_id, tokenizer.eos_token_id]
    [one] = new(completion("5")).complete(asks(1), step)
    assert one.ids[-1] == tokenizer.eos_token_id and not one.truncated


def test_a_reply_that_the_limit_cut_is_truncated(new, step):
    [cut] = new(completion("abc", finish_reason="length")).complete(asks(1), step)
    assert cut.truncated and len(cut.ids) == 3


def test_what_the_limit_cut_has_no_end(step):
    cut = tokenized("abc", finished=False, step=step, limit=24)
    assert cut.truncated and len(cut.ids) == 3
    long = tokenized("a" * 30, finished=True, step=step, limit=24)
    assert long.truncated and len(long.ids) == 24


@pytest.mark.parametrize("fault", [status(500), status(429, Retry_After="0"), DROP, DRIP], ids=str)
def test_what_may_pass_is_tried_again_and_counted(new, server, step, fault):
    teacher = new(fault, fault, completion("5"), timeout=0.3 if fault == DRIP else 10)
    assert len(teacher.complete(asks(1), step)) == 1
    assert (len(server.requests), teacher.cost.calls, teacher.cost.retries) == (3, 1, 2)


def test_a_call_that_fails_is_made_again_with_the_next_ones(new, server, step, tokenizer):
    failures = iter([status(400), b"<html>"])

    def reply(body):
        content = body["messages"][0]["content"]
        return next(failures, completion("later")) if "0+1" in content else completion("at once")

    found = new(reply, concurrency=1).complete(asks(3), step)
    assert [tokenizer.decode(one.ids[:-1]) for one in found] == ["later", "at once", "at once"]
    assert len(server.requests) == 3 + 1 + 1


@pytest.mark.parametrize(
    ("fault", "said", "requests"),
    [
        (status(401, message=f"key {KEY} is wrong"), r"answered with status 401 \(.*\). Check the key", 1),
        (status(400, message=f"key {KEY}"), r"failed in 3 calls in a row, .*status 400", 3),
        (b"<html>", r"failed in 3 calls in a row, .*something else than a chat completion", 3),
    ],
    ids=str,
)
def test_calls_that_fail_for_good_end_the_run_with_one_message(new, server, step, fault, said, requests):
    teacher = new(fault, concurrency=1)
    with pytest.raises(InputError, match=rf"EndpointTeacher: .*/chat/completions, model 'm', {said}") as error:
        teacher.complete(asks(9), step)
    assert KEY not in str(error.value) and len(server.requests) == requests


@pytest.mark.parametrize(
    "fault",
    [
        lambda before: f"<{'x' * (190 - before)}{KEY}".encode(),
        lambda before: json.dumps({"error": f"{'x' * (290 - before)}{KEY}"}).encode(),
        lambda before: status(401, message=f"{'x' * (950 - before)}{KEY}"),
    ],
    ids=["no completion", "error with status 200", "status 401"],
)
def test_a_detail_is_cut_behind_no_part_of_the_key(new, step, fault):
    for before in range(0, 40, 8):
        with pytest.raises(InputError) as error:
            new(fault(before), concurrency=1, retries=Retries(attempts=0, failures_in_a_row=1)).complete(asks(1), step)
        assert "xxx" in str(error.value) and KEY[:4] not in str(error.value)


def test_the_limit_on_money_holds_over_a_resumed_run(new, server, step):
    reply = completion("5", usage={"prompt_tokens": 40, "completion_tokens": 10})
    spending = Spending(money=0.001, prompt_price=1.0, completion_price=10.0)
    sampler = TeacherCompletions(new(reply, spending=spending))
    sampler([mixture_item(0), mixture_item(1)], step)
    assert sampler.teacher.spent.money == pytest.approx(4 * (40 + 100) / 1e6)
    resumed = TeacherCompletions(new(reply, spending=spending))
    resumed.load_state_dict(sampler.state_dict())
    resumed([mixture_item(0), mixture_item(1)], step)  # known
    with pytest.raises(InputError, match=r"limit of 0.001 \(spending.money\)"):
        resumed([mixture_item(2), mixture_item(3)], step)
    assert 4 <= len(server.requests) < 8


def test_a_call_waits_for_calls_under_way_that_may_cost_what_it_needs(new, server, step):
    """At most each call costs 0.0003, of which three are within the limit; it does cost 0.00005."""
    spending = Spending(money=0.001, prompt_price=1.0, completion_price=10.0)
    server.seconds = 0.05
    reply = completion("5", usage={"prompt_tokens": 40, "completion_tokens": 1})
    teacher = new(reply, spending=spending, concurrency=8)
    assert len(teacher.complete(asks(8), step)) == 8
    assert teacher.cost.money == pytest.approx(8 * 0.00005) and 1 < server.most_active <= 3


def test_what_waits_for_calls_under_way_ends_with_them(new, server, step):
    """They fail for good, or cost so much that nothing is left."""
    spending = Spending(money=0.001, prompt_price=1.0, completion_price=10.0)
    server.seconds = 0.05
    with pytest.raises(InputError, match="Check the key"):
        new(status(401), spending=spending, concurrency=8).complete(asks(8), step)
    dear = completion("5", usage={"prompt_tokens": 40, "completion_tokens": 26})
    with pytest.raises(InputError, match=r"limit of 0.001 \(spending.money\)"):
        new(dear, spending=spending, concurrency=8).complete(asks(8), step)
    assert len(server.requests) == 3 + 3


def test_what_was_paid_for_before_the_limit_stays_booked_and_is_not_asked_again(new, server, step):
    """Three of four completions are within the limit; the resumed run may spend more."""
    reply = completion("5", usage={"prompt_tokens": 40, "completion_tokens": 10})
    prices = {"prompt_price": 1.0, "completion_price": 10.0}
    items = [mixture_item(0), mixture_item(1)]
    sampler = TeacherCompletions(new(reply, spending=Spending(money=0.0007, **prices), concurrency=1))
    with pytest.raises(StepFailed, match=r"limit of 0.0007 \(spending.money\)") as failed:
        sampler(items, step)
    assert failed.value.paid and sampler.teacher.spent.money == pytest.approx(3 * (40 + 100) / 1e6)
    resumed = TeacherCompletions(new(reply, spending=Spending(money=1.0, **prices)))
    resumed.load_state_dict(sampler.state_dict())
    resumed(items, later := new_step(renderer=step.worker.renderer, policy=step.policy, sampling=step.sampling, seed=0))
    assert len(server.requests) == 4 and resumed.teacher.spent.money == pytest.approx(4 * (40 + 100) / 1e6)
    assert all(None not in completions for completions in resumed.completions.values())
    assert step.worker.counts.rollouts["teacher"] + later.worker.counts.rollouts["teacher"] == 4


def test_nothing_is_kept_of_a_step_that_was_refused_at_its_first_call(new, step):
    sampler = TeacherCompletions(new(status(401)))
    with pytest.raises(StepFailed, match="Check the key") as failed:
        sampler([mixture_item(0)], step)
    assert not failed.value.paid


def test_the_key_is_never_kept_nor_learnt(new, step, tokenizer):
    step.sampling = SamplingParams(1.0, 200)
    teacher = new(QUOTE_KEY)
    assert KEY not in repr(vars(teacher)) + repr(vars(teacher.endpoint))
    [one] = teacher.complete(asks(1), step)
    assert "Say $KEY_OF_THE_TEST." in tokenizer.decode(one.ids)


def test_settings_that_hold_the_key_are_refused(new):
    with pytest.raises(InputError, match=r"environment variable alone \(KEY_OF_THE_TEST\)"):
        new(extra_body={"headers": [KEY]})


def test_a_missing_key_shows_before_training(monkeypatch):
    monkeypatch.delenv("KEY_OF_THE_TEST", raising=False)
    with pytest.raises(InputError, match="environment variable KEY_OF_THE_TEST"):
        Endpoint("http://127.0.0.1:1/v1", "m", "KEY_OF_THE_TEST")


FILTERED = status(400, "The prompt triggered our content management policy.")


def test_a_filtered_question_is_left_out_and_not_asked_again(new, server, step, caplog):
    def answer(body):
        return FILTERED if "bad" in body["messages"][0]["content"] else completion("It is 4.")

    teacher = new(answer, retries=Retries(attempts=0, failures_in_a_row=1))
    good, bad = question(0), replace(question(1), text="a bad one")
    completions = teacher.complete([(good, 0), (bad, 1), (bad, 2), (good, 3)], step)
    assert [completion.truncated for completion in completions] == [False, True, True, False]
    assert {completions[n].ids for n in (1, 2)} == {completions[0].ids[-1:]}
    assert len(server.requests) == 4 and teacher.cost.failures == {"status 400": 2}
    assert "refused 1 of 2 questions, which are left out: q1" in caplog.text


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (status(401, "The account is suspended by our content policy."), "Check the key"),
        (status(403, "The account is suspended by our content policy."), "Check what the key may do"),
        (status(429, "Too many requests to moderation."), "failed in 3 calls in a row, .*status 429"),
    ],
    ids=str,
)
def test_an_account_that_is_refused_is_no_question_that_is_filtered(new, step, fault, said):
    sampler = TeacherCompletions(new(fault, retries=Retries(attempts=0), concurrency=1))
    with pytest.raises(StepFailed, match=said):
        sampler([mixture_item(0), mixture_item(1)], step)
    assert {one for row in sampler.completions.values() for one in row} == {None}


def test_a_text_yields_no_added_token(tokenizer, step):
    marked = copy.deepcopy(tokenizer)
    marked.add_tokens([AddedToken("<|tool|>", special=False)])
    step.worker.renderer = PromptRenderer(marked, "")
    ids = tokenized("Use <|tool|> now.", True, step, 100).ids
    assert marked.convert_tokens_to_ids("<|tool|>") not in ids and len(ids) == len("Use <|tool|> now.") + 1
