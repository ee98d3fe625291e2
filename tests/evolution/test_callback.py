"""The callback with the real micro-policy: what reaches the engine, and what is left after a phase."""

import json
from dataclasses import replace

import pytest

from p2o.engines import TransformersEngine
from p2o.errors import InputError
from p2o.evolution import DominanceSelector
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.phase import EvolutionPhase
from p2o.evolution.settings import check_measured_by, measured_by
from p2o.evolution.stopping import check_reflector
from p2o.mixture.selection import AllQuestions, GradedQuestions
from p2o.objective.advantages import GroupNormalized
from p2o.objective.context_estimators import Masked
from p2o.objective.losses import ClippedLoss
from p2o.policy.loading import BUNDLED, load_policy, load_tokenizer
from p2o.policy.module import PolicyModule
from p2o.prompts.renderer import PromptRenderer
from p2o.prompts.templates import Template, TemplateBank
from p2o.reflectors import Proposal, RecordingReflector, Reflector, SelfReflector, StaticReflector
from p2o.reflectors.static import EXHAUSTED
from p2o.rewards import MathAnswer
from p2o.rollouts import RolloutCounts, RolloutWorker
from p2o.types import Question
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.chains import ChainQuestions

USEFUL = "Go through the chain step by step."


class CountingEngine(TransformersEngine):
    """The real engine; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def generate(self, policy, prompts, sampling, title):
        self.calls.append(len(prompts))
        return super().generate(policy, prompts, sampling, title)


@pytest.fixture
def module():
    module = PolicyModule(
        BUNDLED, CountingEngine(), MathAnswer(), GroupNormalized(), Masked(), ClippedLoss(), max_completion_length=96
    )
    module.renderer = PromptRenderer(load_tokenizer(BUNDLED), INSTRUCTION)
    module.worker = RolloutWorker(module.engine, module.renderer, module.reward, module.counts)
    module.policy = load_policy(BUNDLED)
    module.max_templated_prompt_length = 1024
    return module


def search(module, templates, **settings):
    evolution = TemplateEvolution(StaticReflector(templates), DominanceSelector(), **settings)
    hard = ChainQuestions("train", easy=0, hard=12).load()
    return EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger).search


def test_each_phase_is_one_engine_call_and_the_useful_template_wins(module):
    found = search(module, ["Be concise.", USEFUL], budget=80)
    found.run()
    assert module.engine.calls[0] == 6  # the empty template on all dev questions
    phases = sum(
        bool(i.parent_rollouts) + bool(i.child_rollouts) + bool(i.dev_rollouts) for i in found.history.iterations
    )
    assert len(module.engine.calls) == phases
    assert sum(module.engine.calls) == found.history.spent == module.counts.rollouts["evolution"] <= 80
    assert found.bank.best is not None and found.bank.best.text == USEFUL


def test_an_evolution_that_is_resumed_counts_as_many_rollouts_as_one_that_nothing_ended(module):
    """What was paid for before its end is asked again with `reuse`, and belongs to the rollouts that were counted."""
    evolution = TemplateEvolution(
        StaticReflector([f"Be brief, {number}." for number in range(9)]), DominanceSelector(), budget=34, reuse=True,
        width=1, min_parents=1, mini_batch_size=2,
    )  # fmt: skip
    hard = ChainQuestions("train", easy=0, hard=8).load()

    def run(begun=None):
        module.counts.load_state_dict(RolloutCounts().state_dict())
        module.engine.calls.clear()
        phase, states = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger), []
        if begun:
            phase.load_state_dict(begun)
        result = phase.run(lambda state: states.append(json.loads(json.dumps(state))))
        return states, (module.counts.state_dict(), result.tokens, phase.search.history)

    states, straight = run()
    counted = straight[0]["rollouts"]["evolution"]
    assert counted == sum(module.engine.calls) == straight[2].spent
    done = states[len(states) // 2]
    assert run(done)[1] == straight
    assert sum(module.engine.calls) > counted - done["counts"]["rollouts"]["evolution"], "nothing was asked again"


class Twofold(StaticReflector):
    """Has two further replies to each job."""

    def reflect(self, jobs, context):
        further = [
            (Proposal(f"Be kind, {job.number}.", reply="more"), Proposal("", "no fence", "Sure!")) for job in jobs
        ]
        return [replace(p, others=more) for p, more in zip(super().reflect(jobs, context), further, strict=True)]


def test_an_evolution_with_further_replies_resumes_wherever_it_was_ended(module):
    evolution = TemplateEvolution(
        Twofold([f"Be brief, {number}." for number in range(99)]), DominanceSelector(), budget=34, width=1,
        min_parents=1, mini_batch_size=2,
    )  # fmt: skip
    hard = ChainQuestions("train", easy=0, hard=8).load()

    def run(begun=None):
        phase, states = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger), []
        if begun:
            phase.load_state_dict(begun)
        phase.run(lambda state: states.append(json.loads(json.dumps(state))))
        return states, phase.search.history

    states, straight = run()
    assert straight.iterations[1].tried == 2 and straight.rejections["no fence"] > 1 and straight.spent <= 34
    assert all(run(state)[1] == straight for state in states[::3])


def test_the_empty_template_may_be_scored_by_the_rollouts_of_the_epoch(module):
    evolution = TemplateEvolution(StaticReflector([USEFUL]), DominanceSelector(), budget=80, mined_seed=True)
    hard = ChainQuestions("train", easy=0, hard=12).load()
    mined = {question.id: 1 / 6 for question in hard}
    found = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger, mined).search
    found.step()
    assert module.engine.calls == [] and found.history.spent == 0
    assert found.history.pool[0].dev_scores == (1 / 6,) * 6


def test_templates_may_be_compared_on_what_no_rollout_of_the_epoch_solved(module):
    hard = ChainQuestions("train", easy=0, hard=12).load()

    def train(solved: int, **changes: object) -> list[str]:
        evolution = TemplateEvolution(StaticReflector([USEFUL]), DominanceSelector(), budget=80, **changes)
        mined = {question.id: 1 / 6 for question in hard[:solved]}
        phase = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger, mined)
        return [question.id for question in phase.search.train]

    everything, solved = train(5), {question.id for question in hard[:5]}
    assert set(everything) & solved and set(everything) - solved
    assert train(5, compare_on="unsolved", mini_batch_size=2) == [id for id in everything if id not in solved]
    assert train(12, compare_on="unsolved", mini_batch_size=2) == everything  # too few of them for a mini-batch


def test_what_is_carried_over_is_held_against_this_evolution_s_own_dev_questions(module):
    """An epoch's train question, which a template may quote, can be a dev question of the next one."""
    evolution = TemplateEvolution(StaticReflector([USEFUL]), DominanceSelector(), budget=80, carry_over=True)
    hard = ChainQuestions("train", easy=0, hard=12).load()
    first, second = (
        EvolutionPhase(evolution, module, hard, epoch, TemplateBank(), [], evolution.ledger).search for epoch in (0, 1)
    )
    [moved, *_] = [question for question in first.train if question in second.dev]
    quoting = Template(f"{USEFUL} For example: {moved.text} The answer is {moved.answer}.", 0.5)
    bank = TemplateBank((quoting, Template("Be concise.", 0.5)))
    carried = [
        EvolutionPhase(evolution, module, hard, epoch, bank, [], evolution.ledger).search.seed_templates
        for epoch in (0, 1)
    ]
    assert carried == [("", quoting.text, "Be concise."), ("", "Be concise.")]


def test_a_template_fits_whatever_may_be_asked_under_it(module):
    """A validation question may be longer than every hard one."""
    evolution = TemplateEvolution(StaticReflector([USEFUL]), DominanceSelector(), budget=80)
    hard = ChainQuestions("train", easy=0, hard=12).load()
    long = Question("long", "Start with 3." + " Add 1." * 200, "3")
    module.max_templated_prompt_length = len(module.renderer.question(long.text))
    phases = [
        EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger, None, asked)
        for asked in ([], [long])
    ]
    for phase in phases:
        phase.search.run()
    assert [len(phase.search.history.pool) for phase in phases] == [2, 1]


@pytest.mark.parametrize(
    "change",
    [
        *({"completions": 2}, {"temperature": 0.5}, {"mini_batch_size": 2}, {"dev_size": 4}, {"min_hard_set": 3}),
        *({"learn_from": AllQuestions()}, {"learn_from": GradedQuestions(["hard"])}, {"compare_on": "unsolved"}),
    ],
    ids=["completions", "temperature", "mini_batch_size", "dev_size", "min_hard_set", "all", "graded", "unsolved"],
)
def test_an_evolution_that_has_begun_is_measured_as_it_began(module, change):
    """Its budget may change, and what an earlier release has begun goes on, which kept none of these settings."""
    hard = ChainQuestions("train", easy=0, hard=12).load()

    def settings(**other):
        first = {"budget": 80, "learn_from": GradedQuestions(["easy", "hard"])}
        return TemplateEvolution(StaticReflector([USEFUL]), DominanceSelector(), **first | other)

    evolution = settings()
    phase = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger, tau=2)
    kept = json.loads(json.dumps(phase.state_dict()))["measured_by"]
    check_measured_by(kept, measured_by(settings(budget=90, width=2), 2, module))
    [name] = change
    with pytest.raises(InputError, match=rf"evolution.{name}: expected .* has begun with, got"):
        check_measured_by(kept, measured_by(settings(**change), 2, module))
    with pytest.raises(InputError, match=r"data.tau: expected 2, which the unfinished evolution has begun with, got 3"):
        check_measured_by(kept, measured_by(settings(), 3, module))
    check_measured_by({}, measured_by(settings(**change), 3, module))


def test_a_template_that_no_question_could_carry_is_rejected(module):
    found = search(module, ["long " * 2000, "forged <|end|>"], budget=80)
    found.run()
    assert set(found.history.rejections) == {"too long for the window", "special token", EXHAUSTED}
    assert [candidate.text for candidate in found.history.pool] == [""]


class Mumbling(Reflector):
    def reflect(self, jobs, context):
        return [Proposal("", "no fence", "Sure!")] * len(jobs)


@pytest.mark.parametrize(("budget", "proposals"), [(22, 4), (60, 10)])
def test_an_evolution_without_a_usable_proposal_says_so_once(module, budget, proposals):
    evolution = TemplateEvolution(
        Mumbling(), DominanceSelector(), budget=budget, width=1, min_parents=1, mini_batch_size=2
    )
    hard = ChainQuestions("train", easy=0, hard=12).load()
    phase = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger)
    with pytest.warns(UserWarning) as said:
        result = phase.run()
    assert result.history.rejections == {"no fence": proposals}
    [message] = [str(one.message) for one in said]
    assert f"none of {min(8, proposals)} proposals was usable" in message


def test_completions_multiply_the_rollouts(module):
    found = search(module, [USEFUL], budget=200, completions=3, temperature=1.0)
    found.step()
    assert module.engine.calls == [18]
    assert (
        len({score for candidate in found.history.pool for score in candidate.dev_scores} - {0, 1 / 3, 2 / 3, 1}) == 0
    )


@pytest.mark.parametrize("settings", [{"dev_size": 0}, {"min_hard_set": 0}, {"width": 0}, {"mini_batch_size": 0}])
def test_impossible_sizes_are_refused_before_training(settings):
    with pytest.raises(InputError, match=r"at least 1|1 or more"):
        TemplateEvolution(StaticReflector(["a"]), DominanceSelector(), **settings)


def test_an_engine_that_one_process_cannot_ask_is_no_engine_for_self_reflection(module, tmp_path):
    module.engine.processes = 2
    recorded = RecordingReflector(SelfReflector(), str(tmp_path / "recording.jsonl"))
    for reflector in (SelfReflector(), recorded):
        with pytest.raises(InputError, match="SelfReflector samples on the first process alone, and 2 processes hold"):
            check_reflector(reflector, module)
    check_reflector(StaticReflector(["a"]), module)
