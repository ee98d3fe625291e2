"""K = 2: rollouts of questions 0 and 3 are all wrong, of 1 mixed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from stub_step import StubStep, mixture_item

from factories import question, rollout
from p2o.distributed.preemption import Preempted
from p2o.endpoints import Usage
from p2o.engines import SamplingParams, TransformersEngine, VLLMEngine
from p2o.mixture.scaffolded_hints import ScaffoldedHints
from p2o.mixture.self_hints import SelfHints
from p2o.objective import NoCorrection
from p2o.prompts.renderer import PromptRenderer
from p2o.questions.answer_leak import gives_away
from p2o.reflectors import ReflectionFailed, SelfReflector, StaticReflector
from p2o.rollouts import RolloutCounts, StepFailed, Workload


class Step(StubStep):
    """A stub that has what a reflector and the checks of a hint look at."""

    def __init__(self, policy, tokenizer) -> None:
        super().__init__(questions=9)
        self.policy, self.initial_policy, self.seed, self.epoch = policy, None, 0, 0
        self.sampling = SamplingParams(1.0, 16)
        self.worker = SimpleNamespace(
            engine=TransformersEngine(), renderer=PromptRenderer(tokenizer), counts=RolloutCounts()
        )

    def group(self, item):
        correct = int(item.question.id[1:]) % (len(item.templates) + 1)
        number = int(item.question.id[1:])
        return [rollout(k < correct, template, number) for k, template in enumerate(item.templates)]


def test_a_question_that_all_rollouts_fail_is_asked_again_under_a_hint_of_its_own(policy, tokenizer):
    step, part = Step(policy, tokenizer), SelfHints(StaticReflector(["Add slowly.", "It is 4, is it not?"]))
    sampled = part([mixture_item(n) for n in (0, 1, 3)], step)
    assert step.asked == [["q0", "q1", "q3"], ["q0"]]  # the hint of 3 gives its answer away
    assert part.bank.hints == {"q0": "Add slowly."}
    templates = [[one.template for one in group] for group in sampled.train]
    assert templates == [["Add slowly.", ""], ["", ""], ["", ""]]
    assert [[one.question.id for one in group] for group in sampled.dropped] == [["q0"]]
    assert step.worker.counts.rollouts["hints"] == 2


def test_a_reflector_that_several_processes_must_call_together_is_refused():
    engine = TransformersEngine()
    for sampler in (SelfHints(SelfReflector()), ScaffoldedHints([SelfReflector(), StaticReflector(["a"])])):
        assert not list(sampler.problems(engine, NoCorrection()))
    engine.processes = 2
    for sampler in (SelfHints(SelfReflector()), ScaffoldedHints([SelfReflector(), StaticReflector(["a"])])):
        [problem] = sampler.problems(engine, NoCorrection())
        assert "asks SelfReflector on each process by itself, and 2 processes hold its" in problem
    assert not list(SelfHints(StaticReflector(["a"])).problems(engine, NoCorrection()))


def test_it_is_the_reflectors_own_engine_that_counts():
    alone, of_two = TransformersEngine(), TransformersEngine()
    of_two.processes = 2
    assert list(SelfHints(SelfReflector(engine=of_two)).problems(alone, NoCorrection()))
    assert not list(SelfHints(SelfReflector(engine=alone)).problems(of_two, NoCorrection()))
    assert SelfHints(SelfReflector(engine=alone)).own_engines == [alone]
    assert ScaffoldedHints([StaticReflector(["a"]), SelfReflector(engine=alone)]).own_engines == [alone]


def test_a_second_vllm_that_sleeps_in_the_process_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    one, two, policys = VLLMEngine(), VLLMEngine(), TransformersEngine()
    tiers = ScaffoldedHints([SelfReflector(engine=one), SelfReflector(engine=two)])
    for sampler, engine in ((SelfHints(SelfReflector(engine=two)), one), (tiers, policys)):
        [problem] = sampler.problems(engine, NoCorrection())
        assert "SelfReflector: expected one VLLMEngine that sleeps" in problem
    for own, engine in ((None, one), (two, policys)):
        assert not list(SelfHints(SelfReflector(engine=own)).problems(engine, NoCorrection()))


def test_who_has_no_failure_asks_too_where_another_process_has_one(policy, tokenizer, monkeypatch):
    """A server waits for the weights that the first process sends."""
    asked = []

    class Watched(StaticReflector):
        def reflect(self, jobs, context):
            asked.append(len(jobs))
            return super().reflect(jobs, context)

    part = SelfHints(Watched(["Add slowly."]))
    part([mixture_item(1)], Step(policy, tokenizer))
    assert asked == []
    monkeypatch.setattr("p2o.mixture.hint_bank.gather", lambda mine: [mine, True])
    part([mixture_item(1)], Step(policy, tokenizer))
    assert asked == [0]


def test_a_hint_is_written_once(policy, tokenizer):
    part, other = SelfHints(StaticReflector(["Add slowly."])), SelfHints(StaticReflector(["Add quickly."]))
    part([mixture_item(0)], Step(policy, tokenizer))
    other.load_state_dict(part.state_dict())
    again = other([mixture_item(0)], step := Step(policy, tokenizer))
    assert [one.template for one in again.train[0]] == ["Add slowly.", ""]
    assert "hints" in step.worker.counts.rollouts and step.worker.counts.rollouts["hints"] == 0
    assert other.state_dict() == part.state_dict()


class Limited(StaticReflector):
    """A stub that answers one job, and then has reached a limit; what it answers costs 7 tokens."""

    def reflect(self, jobs, context):
        cost = Usage(calls=1, completion_tokens=7, money=context.spent.money + 1)
        answered = [replace(one, usage=cost) for one in super().reflect(jobs[:1], context)]
        if len(jobs) > 1:
            raise ReflectionFailed("the limit", [*answered, None], cost)
        return answered


@pytest.mark.parametrize("hinted", [SelfHints, lambda reflector: ScaffoldedHints([reflector], 1, 0)])
def test_hints_that_were_paid_for_before_a_limit_are_kept_and_booked(policy, tokenizer, hinted):
    part, other = hinted(Limited(["Add slowly."] * 9)), hinted(Limited(["Add slowly."] * 9))
    with pytest.raises(StepFailed, match="the limit") as failed:
        part([mixture_item(0), mixture_item(3)], step := Step(policy, tokenizer))
    assert failed.value.paid and step.worker.counts.tokens["hints"] == 7
    other.load_state_dict(part.state_dict())
    other([mixture_item(0), mixture_item(3)], again := Step(policy, tokenizer))
    [bank] = [other.bank] if isinstance(other, SelfHints) else other.banks
    assert set(bank.hints) == {"q0", "q3"} and (bank.spent.calls, bank.spent.money) == (2, 1 + 2)
    assert again.worker.counts.rollouts["hints"] == 1


@pytest.mark.parametrize("hinted", [SelfHints, lambda reflector: ScaffoldedHints([reflector], 1, 0)])
def test_hints_of_a_step_that_a_signal_ends_are_kept_and_none_is_asked_for_again(policy, tokenizer, hinted):
    """Not the one that gives the answer of 3 away either; but a later step asks for another."""
    whole, part, other = (hinted(StaticReflector(["It is 4.", "It is 4!"])) for _ in range(3))
    items = [mixture_item(0), mixture_item(3)]
    step, later = Step(policy, tokenizer), Step(policy, tokenizer)
    straight = whole(items, Step(policy, tokenizer))
    roll_out = step.roll_out
    step.roll_out = lambda items, number=0: roll_out(items, number) if number == 0 else _ended()
    with pytest.raises(Preempted):
        part(items, step)
    other.load_state_dict(part.state_dict())
    assert other(items, later) == straight and other.state_dict() == whole.state_dict()
    assert (step.worker.counts.rollouts["hints"], later.worker.counts.rollouts["hints"]) == (2, 0)
    other([mixture_item(3)], again := Step(policy, tokenizer))
    assert again.worker.counts.rollouts["hints"] == 1


def _ended():
    raise Preempted(15)


@pytest.mark.parametrize("hint", ["<|end|> Add.", "Add " + "slowly " * 200])
def test_a_hint_that_cannot_be_asked_with_is_no_hint(policy, tokenizer, hint):
    part = SelfHints(StaticReflector([hint]))
    part([mixture_item(0)], Step(policy, tokenizer))
    assert part.bank.hints == {}


@pytest.mark.parametrize(
    ("text", "given"),
    [("It is 4.", True), ("It is 14 or 40.", False), ("four", False), ("x=4", True), ("Count 3, 4, 5.", True)],
)
def test_an_answer_is_given_away_where_it_stands_alone(text, given):
    assert gives_away(text, question(3)) == given


def test_forecast():
    """Nothing fails, or everything does in each of two epochs of five questions."""
    work = Workload(2, 5, 5, 6, 1, (5, 5))
    assert SelfHints(StaticReflector(["x"])).forecast(work) == {"train": (60, 60 + 2 * 5 * 5), "hints": (0, 2 * 5)}
