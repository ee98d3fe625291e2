"""Screen, then cover: by hand, within the budget whatever the settings, and resumable within any stage."""

import json
import random
from dataclasses import replace

import pytest
from hint_task import HintPolicy, HintReflector, questions, rollout, to_example

from p2o.errors import InputError
from p2o.evolution.gates import SecondChance, StrictImprovement
from p2o.evolution.history import Candidate, History, Iteration, Stage, Status
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import DominanceSelector
from p2o.evolution.settings import EvolutionSettings, StopReason
from p2o.evolution.stages.cover_stage import CoverCall, CoverStage
from p2o.evolution.stages.schedule import Schedule
from p2o.prompts.templates import Template, TemplateBank
from p2o.reflectors.base import Proposal

STRICT = StrictImprovement()


class Table:
    """Rewards by template and question, which a test writes down."""

    completions = 1

    def __init__(self, rewards):
        self.rewards = rewards
        self.calls = []
        self.asked = []

    def __call__(self, pairs, title):
        self.calls.append((title, len(pairs)))
        self.asked += [(question.id, text) for question, text in pairs]
        return [(rollout(question, text, self.rewards(question.id, text)),) for question, text in pairs]


def new_search(
    policy, reflect, budget, train=6, dev=8, gate=STRICT, draw_again=None, seeds=("",), recall=None, **sizes
):
    return EvolutionSearch(
        questions("train", train, 5),
        questions("dev", dev, 5),
        EvolutionSettings(budget, completions=policy.completions, **sizes),
        policy,
        reflect,
        to_example,
        DominanceSelector(),
        3,
        seed_templates=seeds,
        gate=gate,
        draw_again=draw_again,
        recall=recall,
    )


def staged(case):
    """Settings of every stage from everywhere."""
    rng = random.Random(case)
    policy = HintPolicy(memory=rng.choice((1, 2, 5)), completions=rng.choice((1, 1, 2)), luck=rng.choice((0, 10, 30)))
    return new_search(
        policy,
        HintReflector(*rng.choice(((0, 0, 0, 0), (3, 1, 1, 1), (5, 0, 5, 0)))),
        budget=rng.choice((15, 40, 90, 200, 500)),
        train=rng.randint(1, 10),
        dev=rng.randint(2, 14),
        gate=rng.choice((StrictImprovement(), SecondChance(2), SecondChance(4))),
        draw_again=HintPolicy(memory=1, completions=policy.completions, luck=40),
        seeds=rng.choice((("",), ("", "topic0", "x"))),
        width=rng.randint(1, 5),
        mini_batch_size=rng.randint(1, 4),
        proposals=rng.choice((1, 2)),
        min_parents=rng.choice((1, 4)),
        screen_size=rng.randint(1, 6),
        cover_share=rng.choice((0.2, 0.5, 0.9)),
        credit=rng.choice(("majority", "share")),
        reuse=rng.random() < 0.4,
        confirm=rng.choice(("never", "report", "drop")),
        recall=replace(policy, calls=[]),
    )


# ---- by hand


def test_search_on_the_screen_then_cover_worked_by_hand():
    # "better" solves all train questions, the screen (dev0, dev1), and dev2 beyond it; dev3 and dev4 nobody solves.
    policy = Table(lambda id, text: float(text == "better" and id not in ("dev3", "dev4")))
    search = new_search(
        policy,
        lambda jobs: pytest.fail("nothing failed, so there is nothing to reflect on"),
        budget=40,
        dev=5,
        mini_batch_size=2,
        screen_size=2,
        cover_share=0.5,
        seeds=("", "better"),
        patience=1,
    )
    history = search.run()
    # The seeds on the screen; "better" alone is the front, and perfect on its mini-batch: the search idles at once.
    assert policy.calls[:2] == [("dev", 4), ("parents", 2)]
    assert history.iterations[1].skipped == 1
    # Cover: dev2, dev3, dev4 are open; 128 rollouts are 43 templates, 34 rollouts pay 11, the pool has 2: one call.
    assert policy.calls[2:] == [("cover", 6)]
    assert history.iterations[2] == Iteration(dev_rollouts=6, stage=Stage.COVER)
    assert [candidate.cover_scores for candidate in history.pool] == [
        {"dev2": 0.0, "dev3": 0.0, "dev4": 0.0},
        {"dev2": 1.0, "dev3": 0.0, "dev4": 0.0},
    ]
    assert search.bank == TemplateBank((Template("better", 1.0),), {"dev0": (0,), "dev1": (0,), "dev2": (0,)})
    assert (history.spent, search.stop_reason) == (12, StopReason.IDLE)


def pool(*rows):
    return [Candidate(f"t{k}", Status.SEED, 0, dev_scores=row) for k, row in enumerate(rows)]


def test_the_screens_cover_is_asked_first_and_then_the_strongest():
    templates = pool((0, 0, 1, 0), (1, 1, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0), (1, 1, 0, 0))
    ids = [f"d{number}" for number in range(54)]
    stage = CoverStage(templates, ids, screen_size=4, completions=1)
    assert stage.untried == [1, 0, 4, 2, 3]
    assert stage.next_call(10_000) == CoverCall((1, 0, 4), tuple(range(4, 54)))  # 3 × 50 is a full call
    assert stage.next_call(100) == CoverCall((1, 0), tuple(range(4, 54)))
    assert stage.next_call(49) is None


def test_what_a_template_solves_no_later_one_is_asked():
    found = pool((1, 0), (0, 0))
    found[0] = Candidate("t0", Status.SEED, 0, dev_scores=(1, 0), cover_scores={"d2": 1.0, "d3": 0.0})
    stage = CoverStage(found, ["d0", "d1", "d2", "d3"], screen_size=2, completions=1)
    assert stage.next_call(5) == CoverCall((1,), (3,))


def test_a_template_stronger_on_the_screen_weighs_more_than_one_that_covers_more():
    policy = Table(lambda id, text: float(id == "dev0" or (text == "wide" and id in ("dev2", "dev3", "dev4"))))
    search = new_search(policy, lambda jobs: [Proposal("", "no")] * len(jobs), 60, screen_size=2, cover_share=0.5)
    search.seed_templates = ("wide",)
    search.run()
    assert search.bank.templates == (Template("wide", 0.5),)
    assert len(search.bank.solvers) == 4


def test_what_the_cover_leaves_goes_back_to_the_search():
    policy, reflector = HintPolicy(memory=1), HintReflector(useless=3)
    search = new_search(policy, reflector, budget=150, dev=20, screen_size=5, cover_share=0.5)
    stages = [iteration.stage for iteration in search.run().iterations]
    first = stages.index(Stage.COVER)
    assert Stage.SEARCH in stages[first:], "a second round of the search follows"
    assert search.history.spent > 0.85 * 150


def test_a_cover_that_has_begun_is_ended_before_the_search_goes_on():
    """Two templates are left to ask; a second round of the search would be paid from what the cover needs."""
    settings = EvolutionSettings(500, screen_size=2, cover_share=0.5)
    ids = [f"d{number}" for number in range(6)]
    begun = History(tuple(pool((1, 0), (0, 1), (0, 0))), iterations=(Iteration(), Iteration(stage=Stage.COVER)))
    assert Schedule(settings, begun, ids, 2).next_stage(search_goes_on=True) is Stage.COVER
    before = replace(begun, iterations=(Iteration(),))
    assert Schedule(settings, before, ids, 2).next_stage(search_goes_on=True) is Stage.SEARCH


def test_a_screen_as_large_as_the_dev_set_is_the_papers_search():
    paper = new_search(HintPolicy(), HintReflector(useless=4), 300)
    screened = new_search(HintPolicy(), HintReflector(useless=4), 300, screen_size=8, cover_share=0.5)
    assert screened.run() == paper.run() and screened.bank == paper.bank
    tight = new_search(HintPolicy(), HintReflector(), 9, screen_size=8, cover_share=0.5)
    assert tight.run().spent == 8, "the whole budget is the search's"


# ---- whatever the settings


@pytest.mark.parametrize("case", range(80))
def test_no_stage_overshoots_the_budget(case):
    search = staged(case)
    history = search.run()
    asked = search.evaluation.evaluate.rollouts + search.second_draw.evaluate.rollouts
    assert asked == history.spent <= search.settings.budget
    for candidate in history.pool:
        assert len(candidate.dev_scores) == len(search.screen)
        assert not set(candidate.cover_scores) & {question.id for question in search.screen}
    assert set(search.bank.solvers) <= {question.id for question in search.dev}


@pytest.mark.parametrize("case", range(0, 80, 2))
def test_a_search_resumed_within_any_stage_equals_the_straight_one(case):
    straight = staged(case)
    states = [straight.state_dict()]
    while straight.stop_reason is None:
        straight.step()
        states.append(straight.state_dict())
    for state in states:
        resumed = staged(case)
        resumed.load_state_dict(json.loads(json.dumps(state)))
        before = resumed.history.spent
        assert resumed.run() == straight.history
        assert resumed.bank == straight.bank
        asked = resumed.evaluation.evaluate.rollouts + resumed.second_draw.evaluate.rollouts
        assert asked == straight.history.spent - before, "what was paid before its end is recalled"
    assert straight.evaluation.recall.rollouts == 0


def test_the_cases_reach_every_stage():
    iterations = [iteration for case in range(80) for iteration in staged(case).run().iterations]
    assert {iteration.stage for iteration in iterations} == set(Stage)
    assert any(iteration.second_chances for iteration in iterations)


@pytest.mark.parametrize(
    "sizes", [{"screen_size": 3}, {"cover_share": 0.5}, {"screen_size": 0, "cover_share": 0.5},
              {"screen_size": 3, "cover_share": 1.0}, {"min_parents": 0}]
)  # fmt: skip
def test_settings_that_make_no_sense_are_rejected(sizes):
    with pytest.raises(InputError, match=r"screen_size|min_parents"):
        EvolutionSettings(10, **sizes)


# ---- exact reuse


def test_a_pair_is_asked_and_paid_once():
    policy = Table(lambda id, text: float("right" in text and id == "train0"))
    search = new_search(
        policy, lambda jobs: [Proposal("", "no")] * len(jobs), 500, train=3, dev=2, mini_batch_size=3, reuse=True
    )
    history = search.run()
    assert len(policy.asked) == len(set(policy.asked)) == history.spent == 2 + 3
    assert [iteration.parent_rollouts for iteration in history.iterations] == [0, 3, *[0] * 9]


def test_reuse_finds_what_the_search_without_it_finds_for_less():
    plain = new_search(HintPolicy(), HintReflector(useless=4), 10_000, train=4).run()
    reused = new_search(HintPolicy(), HintReflector(useless=4), 10_000, train=4, reuse=True).run()
    assert [candidate.text for candidate in reused.pool] == [candidate.text for candidate in plain.pool]
    assert reused.spent < plain.spent


# ---- gates


def test_an_even_child_gets_a_second_chance():
    # The child solves train0 and nothing else; with one question a mini-batch, most of them show no difference.
    def search(gate):
        policy = Table(lambda id, text: float(text == "child" and id in ("train0", "dev0")))
        return new_search(
            policy, lambda jobs: [Proposal("child")] * len(jobs), 200, train=2, mini_batch_size=1, patience=1, gate=gate
        )

    outcomes = {"strict": search(StrictImprovement()), "second": search(SecondChance(2))}
    for one in outcomes.values():
        one.step()
        one.step()
    [rejected] = outcomes["strict"].history.others
    first = rejected.mini_batch[0]
    assert first == "train1", "the seed draws the question that shows nothing first"
    [_, accepted] = outcomes["second"].history.pool
    assert (accepted.mini_batch, accepted.before, accepted.after) == (("train1", "train0"), (0.0, 0.0), (0.0, 1.0))
    iteration = outcomes["second"].history.iterations[1]
    assert (iteration.second_chances, iteration.child_rollouts, iteration.accepted) == (1, 1 + 2, 1)
    assert outcomes["second"].history.mini_batches == 2


def test_a_second_chance_never_takes_the_dev_evaluation():
    policy = Table(lambda id, text: 0.0)
    search = new_search(
        policy, lambda jobs: [Proposal("child")], 8 + 2 + 8, train=4, mini_batch_size=1, gate=SecondChance(9)
    )
    search.step()
    assert search.step().second_chances == 0
    with pytest.raises(InputError, match="mini_batches"):
        SecondChance(0)


# ---- fuller calls


def test_a_small_front_is_asked_again_with_other_mini_batches():
    policy, reflector = HintPolicy(), HintReflector()
    search = new_search(policy, reflector, 200, train=10, mini_batch_size=2, min_parents=4)
    search.step()
    assert search.step().parents == (0, 0, 0, 0)
    assert len({job.seed for job in reflector.jobs}) == 4 and len({job.examples for job in reflector.jobs}) > 1
    assert [job.number for job in reflector.jobs] == [0, 1, 2, 3]


# ---- lucky hits


@pytest.mark.parametrize(("confirm", "covered"), [("report", 3), ("drop", 2)])
def test_lucky_hits_are_found_by_a_second_draw(confirm, covered):
    first = Table(lambda id, text: float((id, text) in {("dev0", "a"), ("dev0", "b"), ("dev1", "a"), ("dev2", "b")}))
    again = Table(lambda id, text: float((id, text) == ("dev1", "a")))
    search = new_search(
        first, lambda jobs: [Proposal("", "no")] * len(jobs), 12 + 3 + 4, dev=3, train=2, mini_batch_size=2,
        draw_again=again, seeds=("", "a", "b"), confirm=confirm,
    )  # fmt: skip
    history = search.run()
    assert again.asked == [("dev1", "a"), ("dev2", "b")]  # dev0 has two solvers
    assert [candidate.confirmed for candidate in history.pool] == [{}, {"dev1": 1.0}, {"dev2": 0.0}]
    assert history.iterations[-1] == Iteration(dev_rollouts=2, stage=Stage.CONFIRM)
    assert len(search.bank.solvers) == covered
