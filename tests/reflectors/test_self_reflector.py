from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from p2o.endpoints.usage import ZERO_USAGE
from p2o.engines.base import RolloutEngine
from p2o.engines.transformers import TransformersEngine
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.diagnosing import DiagnosingReflector
from p2o.reflectors.record import RecordingReflector
from p2o.reflectors.self_reflector import SelfReflector
from p2o.types import Completion

PROMPT = "<curr_param>|<side_info>|?"
SHORT = Example("1+1?", "3", "Wrong, it is 2.")


class StubEngine(RolloutEngine):
    """Answers with fixed replies and remembers what it was asked."""

    def __init__(self, tokenizer, *replies):
        self.tokenizer = tokenizer
        self.replies = replies
        self.calls = []

    def generate(self, policy, prompts, sampling, title):
        self.calls.append((policy, prompts, sampling, title))
        truncated = [reply.endswith("…") for reply in self.replies]
        return [
            Completion(tuple(self.tokenizer.encode(reply)), cut)
            for reply, cut in zip(self.replies, truncated, strict=True)
        ]


@dataclass
class Context:
    engine: RolloutEngine
    renderer: PromptRenderer
    policy: object
    initial: object
    asked_initial: int = field(default=0)

    def initial_policy(self):
        self.asked_initial += 1
        return nullcontext(self.initial)


@pytest.fixture
def reflect(tokenizer, policy):
    def run(reflector, jobs, *replies):
        engine = StubEngine(tokenizer, *replies)
        context = Context(engine, PromptRenderer(tokenizer), policy, initial=policy)
        return reflector.reflect(jobs, context), engine

    return run


def test_tokens_of_refused_replies_count_too(reflect, tokenizer):
    replies = ["```\nBetter.\n```", "no fence", "cut off…", "```\n<|end|>\n```"]
    proposals, _ = reflect(
        SelfReflector(prompt=PROMPT, max_reply_length=100), [ReflectionJob("Go.", (SHORT,))] * 4, *replies
    )
    assert [bool(proposal.rejection) for proposal in proposals] == [False, True, True, True]
    assert [proposal.tokens for proposal in proposals] == [len(tokenizer.encode(reply)) for reply in replies]


def test_all_jobs_are_asked_in_one_call(reflect, policy, tokenizer):
    jobs = [ReflectionJob("Go.", (SHORT,), seed=7), ReflectionJob("Stop {x}.", (SHORT, SHORT), seed=8)]
    replies = ["```\nBetter.\n```", "no idea"]
    proposals, engine = reflect(SelfReflector(max_reply_length=100, prompt=PROMPT), jobs, *replies)
    assert [(p.template, p.rejection, p.reply) for p in proposals] == [
        ("Better.", "", replies[0]),
        ("", "no fence", replies[1]),
    ]
    [(_, prompts, sampling, title)] = engine.calls
    assert [prompt.seed for prompt in prompts] == [7, 8]
    assert (sampling.temperature, sampling.max_completion_length, title) == (0.6, 100, "reflection")
    assert tokenizer.decode(prompts[1].ids).startswith("<|user|>Stop {x}.|# Example 1\n## Inputs\n1+1?")
    assert tokenizer.decode(prompts[1].ids).endswith("|?<|end|><|assistant|>")
    assert [f"<|user|>{p.prompt}<|end|><|assistant|>" for p in proposals] == [tokenizer.decode(p.ids) for p in prompts]


def test_without_a_job_the_engine_still_gets_the_weights(reflect, policy):
    """The first process sends them to rollout servers, and another one may have a job."""
    proposals, engine = reflect(SelfReflector(prompt=PROMPT, max_reply_length=100), [])
    assert proposals == []
    [(asked, prompts, *_)] = engine.calls
    assert asked is policy and prompts == []


def test_which_weights_reflect(tokenizer, policy):
    for weights, expected in (("initial", "old"), ("current", "new")):
        models = {"old": policy, "new": type(policy)(policy.config)}
        engine = StubEngine(tokenizer, "```\nBetter.\n```")
        context = Context(engine, PromptRenderer(tokenizer), models["new"], models["old"])
        SelfReflector(weights, max_reply_length=100, prompt=PROMPT).reflect([ReflectionJob("", (SHORT,))], context)
        assert engine.calls[0][0] is models[expected]
        assert context.asked_initial == (weights == "initial")  # the initial weights are not loaded for nothing


def test_a_truncated_reply_is_refused_even_with_a_finished_fence(reflect):
    [proposal], _ = reflect(
        SelfReflector(max_reply_length=100, prompt=PROMPT), [ReflectionJob("", (SHORT,))], "```\nBetter.\n``` and…"
    )
    assert (proposal.template, proposal.rejection) == ("", "unfinished")


def test_unusable_templates_are_refused(reflect):
    reflector = SelfReflector(max_reply_length=100, prompt=PROMPT, max_template_length=20)
    jobs = [ReflectionJob("", (SHORT,))] * 3
    long, fits = "x" * 21, "x" * 20
    proposals, _ = reflect(reflector, jobs, f"```\n{long}\n```", f"```\n{fits}\n```", "```\nSay no.\n```")
    assert [(p.template, p.rejection) for p in proposals] == [("", "too long"), (fits, ""), ("Say no.", "")]


def test_long_outputs_lose_their_middle_and_short_ones_stay(reflect, tokenizer):
    """The window has 512 tokens, and a token is a byte."""
    long, short = Example("q1", "a" * 400 + "z" * 400, "f1"), Example("q2", "short", "f2")
    _, engine = reflect(SelfReflector(max_reply_length=150, prompt=PROMPT), [ReflectionJob("Go.", (long, short))], "x")
    [(_, [prompt], _, _)] = engine.calls
    text = tokenizer.decode(prompt.ids)
    assert 300 < len(prompt.ids) <= 512 - 150
    assert "aaaa\n[... " in text and " tokens left out ...]\nzzzz" in text and "short" in text


def test_an_engine_with_less_room_than_the_model_is_asked_for_no_more(reflect, tokenizer, monkeypatch):
    monkeypatch.setattr(StubEngine, "room", 300)
    long = Example("q1", "a" * 400 + "z" * 400, "f1")
    _, engine = reflect(SelfReflector(max_reply_length=100, prompt=PROMPT), [ReflectionJob("Go.", (long,))], "x")
    [(_, [prompt], _, _)] = engine.calls
    assert 150 < len(prompt.ids) <= 300 - 100
    with pytest.raises(InputError, match="below the window of 300 tokens, got 300"):
        reflect(SelfReflector(max_reply_length=300, prompt=PROMPT), [ReflectionJob("", (SHORT,))])


def test_what_it_cost(reflect, tokenizer):
    reply = "```\nBetter.\n```"
    [proposal], engine = reflect(
        SelfReflector(max_reply_length=100, prompt=PROMPT), [ReflectionJob("Go.", (SHORT,))], reply
    )
    usage = proposal.usage
    assert (usage.calls, usage.prompt_tokens) == (1, len(engine.calls[0][1][0].ids))
    assert usage.completion_tokens == len(tokenizer.encode(reply)) and usage.money == 0


def test_a_prompt_that_never_fits_is_refused_and_the_others_are_asked(reflect):
    jobs = [ReflectionJob("", (Example("a" * 500, "o", "f"),)), ReflectionJob("", (SHORT,))]
    proposals, engine = reflect(SelfReflector(max_reply_length=100, prompt=PROMPT), jobs, "```\nGo.\n```")
    assert [(p.template, p.rejection) for p in proposals] == [("", "prompt too long"), ("Go.", "")]
    assert len(engine.calls[0][1]) == 1
    proposals, engine = reflect(SelfReflector(max_reply_length=100, prompt=PROMPT), jobs[:1])
    assert proposals[0].rejection == "prompt too long" and [call[1] for call in engine.calls] == [[]]


def test_a_completion_that_spells_a_special_token_does_not_end_the_run(reflect):
    jobs = [ReflectionJob("", (Example("1+1?", "<|end|><|user|>", "f"),))]
    [proposal], engine = reflect(SelfReflector(max_reply_length=100, prompt=PROMPT), jobs)
    assert proposal.rejection == "special token in prompt" and [call[1] for call in engine.calls] == [[]]


def test_no_room_for_a_reply_is_an_input_error(reflect):
    with pytest.raises(InputError, match="max_reply_length below the window of 512 tokens, got 512"):
        reflect(SelfReflector(max_reply_length=512, prompt=PROMPT), [ReflectionJob("", (SHORT,))])


def test_that_there_is_no_room_is_known_before_training(tokenizer, tmp_path):
    renderer = PromptRenderer(tokenizer)
    assert not list(SelfReflector(max_reply_length=511).problems(512, renderer))
    recorded = RecordingReflector(SelfReflector(max_reply_length=511, opening="```\n"), tmp_path / "jobs.jsonl")
    [problem] = DiagnosingReflector(recorded, judge=None).problems(512, renderer)
    assert "got 511 and an opening of" in problem


def test_with_a_real_engine_the_seed_decides(tokenizer, policy):
    context = Context(TransformersEngine(), PromptRenderer(tokenizer), policy, policy)
    reflector = SelfReflector(max_reply_length=24, prompt=PROMPT)
    jobs = [ReflectionJob("Go.", (SHORT,), seed) for seed in (1, 2)]
    proposals = reflector.reflect(jobs, context)
    assert [p.reply for p in proposals] == [p.reply for p in reflector.reflect(jobs, context)]
    assert proposals[0].reply != proposals[1].reply
    assert {proposal.rejection for proposal in proposals} <= {"unfinished", "no fence", "empty", "unfinished fence"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": "no placeholders"}, "<curr_param> exactly once"),
        ({"temperature": -1}, "temperature >= 0"),
        ({"max_reply_length": 0}, "max_reply_length >= 1"),
        ({"max_template_length": 0}, "max_template_length >= 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        SelfReflector(**arguments)


OPENED = {"prompt": PROMPT, "max_reply_length": 100, "opening": "```\n"}


def test_a_reply_goes_on_from_its_opening_and_ends_with_its_first_block(reflect, tokenizer):
    replies = ["Better.\n```\nAnd a word", "Short. ```", "Best.\n```\n```\nand on…", "it never closes…", "nor here"]
    proposals, engine = reflect(SelfReflector(**OPENED), [ReflectionJob("Go.", (SHORT,))] * 5, *replies)
    assert [(p.template, p.rejection) for p in proposals] == [
        ("Better.", ""), ("Short.", ""), ("Best.", ""), ("", "unfinished"), ("", "unfinished fence")
    ]  # fmt: skip
    assert [p.reply for p in proposals] == ["```\n" + reply for reply in replies]
    [(_, prompts, _, _)] = engine.calls
    assert all(tokenizer.decode(prompt.ids).endswith("<|assistant|>```\n") for prompt in prompts)


def test_without_an_opening_a_reply_that_is_cut_off_is_rejected_whatever_it_holds(reflect):
    [proposal], _ = reflect(
        SelfReflector(prompt=PROMPT, max_reply_length=100), [ReflectionJob("Go.", (SHORT,))], "```\nBetter.\n```\n…"
    )
    assert proposal.rejection == "unfinished"


def test_a_fence_that_was_begun_may_be_closed(reflect):
    replies = ["Write it down. Then che…", "Write it down", "Better.\n```\nand on…", "Write it do…", "```python\nx = 1"]
    jobs = [ReflectionJob("Go.", (SHORT,))] * 5
    proposals, _ = reflect(SelfReflector(**OPENED, close_fence=True), jobs, *replies)
    assert [(p.template, p.rejection) for p in proposals] == [
        ("Write it down.", ""), ("Write it down", ""), ("Better.", ""), ("", "unfinished"), ("", "unfinished fence")
    ]  # fmt: skip
    assert [p.reply for p in proposals] == ["```\n" + reply for reply in replies]
    proposals, _ = reflect(SelfReflector(**OPENED), jobs, *replies)
    assert [p.template for p in proposals] == ["", "", "Better.", "", ""]


def test_without_an_opening_a_fence_that_the_reply_itself_has_begun_is_closed(reflect):
    reflector = SelfReflector(prompt=PROMPT, max_reply_length=100, close_fence=True)
    replies = ["Sure. Here:\n```\nWrite it down. Th…", "Sure. It is…", "Sure.", "```\nBetter.\n```\nThe…"]
    proposals, _ = reflect(reflector, [ReflectionJob("Go.", (SHORT,))] * 4, *replies)
    assert [(p.template, p.rejection) for p in proposals] == [
        ("Write it down.", ""), ("", "unfinished"), ("", "no fence"), ("", "unfinished")
    ]  # fmt: skip


def test_of_several_attempts_the_first_that_can_be_read_is_taken_and_all_are_paid_for(reflect, tokenizer):
    jobs = [ReflectionJob("Go.", (SHORT,), seed=7), ReflectionJob("Stop.", (SHORT,), seed=8)]
    replies = ["no idea", "```\nOne.\n```", "```\nTwo.\n```", "cut…", "none", "nor this"]
    proposals, engine = reflect(SelfReflector(prompt=PROMPT, max_reply_length=100, attempts=3), jobs, *replies)
    assert [(p.template, p.rejection) for p in proposals] == [("One.", ""), ("", "unfinished")]
    assert [p.usage.calls for p in proposals] == [3, 3]
    assert proposals[0].tokens == sum(len(tokenizer.encode(reply)) for reply in replies[:3])
    [(_, prompts, _, _)] = engine.calls
    assert prompts[0].seed == 7 and prompts[3].seed == 8 and len({prompt.seed for prompt in prompts}) == 6


def test_further_replies_to_a_job_are_kept_beside_its_proposal_and_cost_nothing_more(reflect):
    replies = ["no idea", "```\nOne.\n```", "cut…", "```\nTwo.\n```", "none", "```\n\n```", "nor this", "cut…"]
    proposals, _ = reflect(
        SelfReflector(prompt=PROMPT, max_reply_length=100, attempts=4), [ReflectionJob("Go.", (SHORT,))] * 2, *replies
    )
    told = [[(p.template, p.rejection, p.reply) for p in (proposal, *proposal.others)] for proposal in proposals]
    assert told == [
        [("One.", "", replies[1]), ("", "no fence", replies[0]), ("", "unfinished", "cut…"), ("Two.", "", replies[3])],
        [("", "no fence", "none"), ("", "empty", replies[5]), ("", "no fence", "nor this"), ("", "unfinished", "cut…")],
    ]
    assert all(other.usage == ZERO_USAGE for proposal in proposals for other in proposal.others)
    assert {other.prompt for proposal in proposals for other in proposal.others} == {proposals[0].prompt}


def test_an_opening_that_spells_a_control_token_is_refused(reflect):
    with pytest.raises(InputError, match=r"opening: expected plain text, found the special token '<\|end\|>'"):
        reflect(SelfReflector(prompt=PROMPT, opening="<|end|>"), [ReflectionJob("Go.", (SHORT,))])
