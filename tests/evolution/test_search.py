import json
import random
from dataclasses import replace

import pytest
from hint_task import HintPolicy, HintReflector, questions, rollout, to_example

from p2o.errors import InputError
from p2o.evolution.history import Candidate, Iteration, RejectedProposal, Status
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import BestOrTiedSelector, BestSelector, DominanceSelector, ParentSelector
from p2o.evolution.settings import EvolutionSettings, StopReason
from p2o.prompts.templates import Template, TemplateBank
from p2o.reflectors.base import Proposal
from p2o.types import Question


class EveryoneSelector(ParentSelector):
    def select(self, scores, limit, rng):
        return list(range(min(limit, len(scores))))


def new_search(policy, reflect, budget, train=9, dev=6, topics=5, **changes):
    options = {"to_example": to_example, "selector": DominanceSelector(), "seed": 3, "seed_templates": ("",)}
    sizes = {name: changes.pop(name) for name in list(changes) if name in EvolutionSettings.__dataclass_fields__}
    return EvolutionSearch(
        train=questions("train", train, topics),
        dev=questions("dev", dev, topics),
        settings=EvolutionSettings(budget=budget, completions=policy.completions, **sizes),
        evaluate=policy,
        reflect=reflect,
        **(options | changes),
    )


def random_search(case):
    """Settings from everywhere: tiny budgets, single questions, lucky policies, useless reflectors."""
    rng = random.Random(case)
    policy = HintPolicy(
        memory=rng.choice((1, 2, 2, 5)), completions=rng.choice((1, 1, 3)), luck=rng.choice((0, 0, 20, 90))
    )
    reflector = HintReflector(*rng.choice(((0, 0, 0, 0), (3, 1, 1, 1), (0, 9, 0, 1), (5, 0, 5, 0))))
    return new_search(
        policy,
        reflector,
        budget=rng.choice((0, 5, 600, *rng.choices(range(20, 200), k=5))),
        train=rng.randint(0, 12),
        dev=rng.randint(0, 8),
        topics=rng.randint(1, 8),
        width=rng.randint(1, 6),
        mini_batch_size=rng.randint(1, 5),
        patience=rng.choice((1, 4, 40, 40)),
        selector=rng.choice((DominanceSelector(), BestOrTiedSelector(), BestSelector(), EveryoneSelector())),
        seed_templates=rng.choice((("",), ("", "topic0", "topic1 ", "x", "y"))),
        seed=case,
        proposals=rng.choice((1, 1, 3)),
    )


def test_one_iteration_worked_by_hand():
    # Two topics, one train question of each in the mini-batch: the seed fails both, the child solves everything.
    policy, reflector = HintPolicy(), HintReflector()
    search = new_search(policy, reflector, budget=100, train=2, dev=4, topics=2, mini_batch_size=2)
    assert search.step() == Iteration(dev_rollouts=4)
    iteration = search.step()
    assert iteration == Iteration(
        parents=(0,), tried=1, accepted=1, parent_rollouts=2, child_rollouts=2, dev_rollouts=4
    )
    ids = tuple(example.inputs.replace("topic", "train") for example in reflector.jobs[0].examples)
    text = reflector.jobs[0].examples[0].inputs + "\n" + reflector.jobs[0].examples[1].inputs
    assert sorted(ids) == ["train0", "train1"]
    assert search.history.pool == (
        Candidate("", Status.SEED, 0, dev_scores=(0.0,) * 4),
        Candidate(text, Status.ACCEPTED, 1, 0, ids, before=(0.0, 0.0), after=(1.0, 1.0), dev_scores=(1.0,) * 4),
    )
    assert policy.calls == [
        ("dev", 4),
        ("parents", 2),
        ("children", 2),
        ("dev", 4),
    ]
    assert search.bank == TemplateBank((Template(text, 1.0),), {f"dev{i}": (0,) for i in range(4)})
    # The front is now the perfect child alone: its mini-batches are skipped, 2 rollouts each, until patience ends.
    history = search.run()
    assert history.iterations[2:] == (Iteration(parents=(1,), skipped=1, parent_rollouts=2),) * 10
    assert search.stop_reason is StopReason.IDLE
    assert (history.spent, search.remaining) == (32, 68)
    assert history.best_dev_scores == [0.0] + [1.0] * 11


def test_a_candidate_keeps_what_the_reflector_was_asked_and_wrote():
    search = new_search(
        HintPolicy(), lambda jobs: [Proposal(" topic0 ", "", "reply", "prompt")] * len(jobs), budget=40, topics=1
    )
    history = search.run()
    assert [(x.text, x.prompt, x.reply) for x in history.pool] == [("", "", ""), ("topic0", "prompt", "reply")]


def test_the_jobs_of_an_evolution_share_a_seed_that_another_evolution_has_not():
    def shared(seed):
        reflector = HintReflector(0, 9, 0, 1)
        new_search(HintPolicy(), reflector, budget=100, seed=seed, proposals=2).run()
        assert len(reflector.jobs) > 3
        (found,) = {job.evolution_seed for job in reflector.jobs}
        return found

    assert shared(3) == shared(3) != shared(4)


def answers(*further):
    """A proposal of its own for each job, with the same further replies."""
    return lambda jobs: [Proposal(f"{job.seed}", reply="first", others=further) for job in jobs]


def test_further_replies_become_children_of_their_parent_and_those_without_a_template_are_kept():
    further = Proposal("topic0", "", "more", "asked"), Proposal("", "no fence", "Sure!", "asked"), Proposal("topic0 ")
    search = new_search(HintPolicy(), answers(*further), budget=200, mini_batch_size=2)
    search.step()
    iteration = search.step()
    assert (iteration.parents, iteration.tried, iteration.child_rollouts) == ((0,), 2, 4)
    assert iteration.rejections == {"no fence": 1, "proposed twice at once": 1}
    assert search.history.rejected[0] == RejectedProposal(1, 0, "no fence", "asked", "Sure!")
    [child] = [one for one in (*search.history.pool, *search.history.others) if one.text == "topic0"]
    assert (child.parent, child.prompt, child.reply) == (0, "asked", "more")


def test_further_replies_take_no_rollouts_from_what_an_iteration_must_pay_for():
    """Of 22 rollouts the seed takes 6, two parents 4, their children 4, a dev evaluation 6: one more child is paid."""
    further = [Proposal(f"more {k}", reply=f"r{k}") for k in range(5)]

    def reflect(jobs):
        return [replace(job, others=tuple(further[2 * k :][:3])) for k, job in enumerate(answers()(jobs))]

    search = new_search(HintPolicy(), reflect, budget=22, min_parents=2, mini_batch_size=2)
    search.step()
    iteration = search.step()
    assert (iteration.parents, iteration.tried, iteration.parent_rollouts) == ((0, 0), 3, 4)
    assert search.history.spent <= 22
    tried = [one.text for one in (*search.history.pool, *search.history.others)][1:]
    assert tried[2:] == ["more 0"]  # the proposals themselves first, then a further one of each by turns
    assert iteration.rejections == {"proposed twice at once": 1, "beyond the budget": 4}
    assert [one.reply for one in search.history.rejected if one.cause == "beyond the budget"] == [
        "r2",
        "r1",
        "r3",
        "r4",
    ]


def test_several_proposals_for_a_parent_are_compared_on_one_mini_batch():
    seeds = []

    def reflect(jobs):
        seeds.extend(job.seed for job in jobs)
        return [Proposal(f"try {k}") for k, _ in enumerate(jobs)]

    search = new_search(HintPolicy(), reflect, budget=100, proposals=3, mini_batch_size=2)
    search.step()
    iteration = search.step()
    assert (iteration.parents, iteration.tried, iteration.parent_rollouts, iteration.child_rollouts) == ((0,), 3, 2, 6)
    assert len(set(seeds)) == 3
    assert len({candidate.mini_batch for candidate in search.history.others}) == 1


@pytest.mark.parametrize("case", range(100))
def test_the_budget_is_never_overshot_and_the_search_ends(case):
    search = random_search(case)
    policy = search.evaluation.evaluate
    while search.stop_reason is None:
        calls = len(policy.calls)
        iteration = search.step()
        assert iteration.spent == sum(rollouts for _, rollouts in policy.calls[calls:]) > 0
        assert len(policy.calls) - calls <= 3
        assert len(iteration.parents) == len(set(iteration.parents)) <= search.settings.width
        tries = search.settings.proposals * (len(iteration.parents) - iteration.skipped)
        assert sum(iteration.rejections.values()) + iteration.tried == tries
        assert policy.rollouts == search.history.spent <= search.settings.budget
    if search.stop_reason is StopReason.BUDGET:
        assert search.remaining < (1 + search.settings.proposals) * search.mini_batch_cost + search.dev_cost
    with pytest.raises(ValueError, match="has ended"):
        search.step()


@pytest.mark.parametrize("case", range(100))
def test_the_history_is_consistent(case):
    search = random_search(case)
    history = search.run()
    texts = [candidate.text for candidate in history.pool + history.others]
    assert len(set(texts)) == len(texts)
    assert all(len(candidate.dev_scores) == len(search.dev) for candidate in history.pool)
    for candidate in history.pool + history.others:
        better = sum(candidate.after) > sum(candidate.before) + 1e-9
        assert better == (candidate.status in (Status.ACCEPTED, Status.BUDGET_EXHAUSTED))
        if candidate.parent is not None:
            assert history.pool[candidate.parent].iteration < candidate.iteration
            assert len(set(candidate.mini_batch)) == min(search.settings.mini_batch_size, len(search.train))
    for number, iteration in enumerate(history.iterations):
        made = [candidate for candidate in history.pool + history.others if candidate.iteration == number]
        accepted = [x for x in made if x.status in (Status.ACCEPTED, Status.BUDGET_EXHAUSTED)]
        assert iteration.accepted == len(accepted)
        assert iteration.dev_rollouts == search.dev_cost * sum(bool(x.dev_scores) for x in made)
        assert number == 0 or iteration.tried == len(made)
    assert history.best_dev_scores == sorted(history.best_dev_scores)


def test_the_random_settings_reach_every_end_and_every_fate():
    searches = [random_search(case) for case in range(100)]
    candidates = [candidate for search in searches for candidate in (*search.run().pool, *search.history.others)]
    assert {search.stop_reason for search in searches} == set(StopReason)
    assert {candidate.status for candidate in candidates} == set(Status)
    causes = {cause for search in searches for cause in search.history.rejections}
    assert causes == {"no fence", "already in the pool", "already tried", "proposed twice at once", "empty template"}


@pytest.mark.parametrize("case", range(0, 100, 5))
def test_a_search_resumed_after_any_step_equals_the_straight_one(case):
    straight = random_search(case)
    moments = [(0, straight.state_dict())]
    while straight.stop_reason is None:
        straight.step()
        moments.append((len(straight.evaluation.evaluate.calls), straight.state_dict()))
    for calls, state in moments[:4] + moments[4 :: 1 + len(moments) // 10] + moments[-1:]:
        resumed = random_search(case)
        resumed.load_state_dict(json.loads(json.dumps(state)))
        assert resumed.state_dict() == state
        assert resumed.run() == straight.history
        assert resumed.evaluation.evaluate.calls == straight.evaluation.evaluate.calls[calls:]


def test_a_state_holds_plain_types_only():
    def check(value):
        assert type(value) in (dict, list, str, int, float, type(None)), value
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(part)

    search = new_search(HintPolicy(), HintReflector(useless=4, refuses=2), budget=300)
    history = search.run()
    assert history.others
    assert history.rejections
    check(search.state_dict())


@pytest.mark.parametrize("change", [{"seed": 4}, {"train": 8}, {"dev": 5}])
def test_the_state_of_another_search_is_refused(change):
    state = new_search(HintPolicy(), HintReflector(), 100).state_dict()
    with pytest.raises(InputError, match="another evolution"):
        new_search(HintPolicy(), HintReflector(), 100, **change).load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "reason", "spent"),
    [
        ({"dev": 0}, StopReason.NO_DEV, 0),
        ({"budget": 5}, StopReason.SMALL_BUDGET, 0),
        ({"budget": 0}, StopReason.SMALL_BUDGET, 0),
        ({"train": 0}, StopReason.NO_TRAIN, 6),
        ({"budget": 6}, StopReason.BUDGET, 6),
        ({"budget": 17}, StopReason.BUDGET, 6),  # a parent, its child and dev would cost 3 + 3 + 6
        ({"budget": 18}, StopReason.BUDGET, 18),
    ],
)
def test_what_cannot_be_done_is_said_and_not_paid(change, reason, spent):
    search = new_search(HintPolicy(), HintReflector(), **({"budget": 100} | change))
    assert search.run().spent == spent
    assert search.stop_reason is reason
    assert len(search.bank) == (spent == 18)


def test_seeds_are_scored_at_once_in_order_and_only_while_the_budget_lasts():
    policy = HintPolicy()
    search = new_search(policy, HintReflector(), budget=13, seed_templates=("", "topic1", " topic1\n", "topic2", "x"))
    search.step()
    assert [(x.text, x.status, x.dev_score) for x in search.history.pool] == [
        ("", Status.SEED, 0.0),
        ("topic1", Status.SEED, pytest.approx(1 / 6)),
    ]
    assert policy.calls == [("dev", 12)]


def test_known_scores_of_the_empty_template_cost_nothing():
    policy, known = HintPolicy(), {f"dev{k}": k / 6 for k in range(6)}
    search = new_search(policy, HintReflector(), 40, seed_templates=("x", "", "topic0"), known_scores=known)
    search.step()
    assert [candidate.text for candidate in search.history.pool] == ["x", "", "topic0"]
    assert search.history.pool[1].dev_scores == tuple(known.values())
    assert search.history.spent == 2 * 6 * policy.completions == search.history.iterations[0].dev_rollouts


def test_scores_that_are_not_known_of_the_whole_screen_are_asked_for():
    policy = HintPolicy()
    search = new_search(policy, HintReflector(), 40, known_scores={f"dev{k}": 1.0 for k in range(5)})
    search.step()
    assert search.history.spent == 6 * policy.completions
    assert search.history.pool[0].dev_scores != (1.0,) * 6


def test_there_must_be_a_seed():
    with pytest.raises(ValueError, match="at least one seed"):
        new_search(HintPolicy(), HintReflector(), 100, seed_templates=())


@pytest.mark.parametrize("size", ["width", "mini_batch_size", "completions", "patience"])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(InputError, match=size):
        EvolutionSettings(budget=10, **{size: 0})
    with pytest.raises(InputError, match="budget"):
        EvolutionSettings(budget=-1)


class Graders:
    """Rewards by template and question, for cases worked by hand."""

    completions = 1

    def __init__(self, rewards):
        self.rewards = rewards

    def __call__(self, pairs, title):
        return [(rollout(question, text, self.rewards(question.id, text)),) for question, text in pairs]


def test_of_more_accepted_children_than_the_budget_pays_the_best_are_scored():
    # Seeds a, b, c cost 3·4, their mini-batches 3·2, their children's 3·2; one dev evaluation is left.
    gains = {"a": 1, "b": 2, "c": 1}
    policy = Graders(lambda id, text: float("!" in text and (gains[text[0]] == 2 or id == "train0" or "dev" in id)))
    search = new_search(
        policy,
        lambda jobs: [Proposal(job.template + "!") for job in jobs],
        budget=28,
        train=2,
        dev=4,
        mini_batch_size=2,
        selector=EveryoneSelector(),
        seed_templates=("a", "b", "c"),
    )
    history = search.run()
    assert history.spent == 28
    assert [candidate.text for candidate in history.pool] == ["a", "b", "c", "b!"]
    assert [(x.text, x.status, x.dev_scores) for x in history.others] == [
        ("a!", Status.BUDGET_EXHAUSTED, ()),
        ("c!", Status.BUDGET_EXHAUSTED, ()),
    ]
    assert (history.iterations[1].tried, history.iterations[1].accepted) == (3, 3)


def test_the_last_iteration_has_fewer_parents():
    seeds = ("a", "b", "c")
    search = new_search(
        HintPolicy(),
        lambda jobs: [Proposal(job.template + "!") for job in jobs],
        budget=3 * 4 + 2 * 2 * 2 + 4 + 3,  # seeds, two parents and children, one dev evaluation; 3 too few for a third
        train=2,
        dev=4,
        mini_batch_size=2,
        selector=EveryoneSelector(),
        seed_templates=seeds,
    )
    search.step()
    assert search.step().parents == (0, 1)


def test_known_and_refused_texts_cost_no_mini_batch():
    replies = iter(
        [
            [Proposal("x"), Proposal(" x "), Proposal("b"), Proposal("", "no fence")],
            [Proposal("x"), Proposal(""), Proposal("", "no fence"), Proposal("a")],
        ]
    )
    search = new_search(
        HintPolicy(),
        lambda jobs: next(replies),
        budget=1_000,
        mini_batch_size=2,
        selector=EveryoneSelector(),
        seed_templates=("a", "b", "c", "d"),
    )
    search.step()
    first = {"proposed twice at once": 1, "already in the pool": 1, "no fence": 1}
    assert search.step() == Iteration((0, 1, 2, 3), 0, first, tried=1, parent_rollouts=8, child_rollouts=2)
    second = {"already tried": 1, "empty template": 1, "no fence": 1, "already in the pool": 1}
    assert search.step() == Iteration((0, 1, 2, 3), 0, second, parent_rollouts=8)
    assert search.history.rejections == {**first, **second, "no fence": 2, "already in the pool": 2}
    assert search.history.idle == 1


def test_a_reflector_that_never_proposes_ends_by_patience():
    search = new_search(HintPolicy(), HintReflector(refuses=10), budget=10_000, patience=4)
    history = search.run()
    assert len(history.iterations) == 5
    assert search.stop_reason is StopReason.IDLE
    assert history.rejections == {"no fence": 4}


def test_equal_sums_are_no_improvement():
    # 0.1 + 0.2 + 0.3 in two orders: plain float sums differ.
    rewards = {"": (0.1, 0.2, 0.3), "x": (0.3, 0.2, 0.1)}
    policy = Graders(lambda id, text: rewards[text][int(id[-1])])
    search = new_search(policy, lambda jobs: [Proposal("x")], budget=1_000, train=3, dev=3, patience=2)
    assert [candidate.status for candidate in search.run().others] == [Status.REJECTED]


def test_shaped_rewards_decide_mini_batches_but_dev_scores_count_correct_completions():
    policy = Graders(lambda id, text: 0.4 if text else 0.1)
    search = new_search(policy, lambda jobs: [Proposal("x")] * len(jobs), budget=1_000, patience=2)
    search.run()
    assert search.history.pool[1].text == "x"
    assert search.history.pool[1].dev_scores == (0.0,) * 6
    assert search.bank == TemplateBank()


def test_several_completions_are_averaged_and_the_worst_is_shown():
    class Policy(HintPolicy):
        def reward(self, question: Question, text: str, k: int = 0) -> float:
            return float(k > 0)

    shown = []
    policy = Policy(completions=4)
    search = new_search(policy, lambda jobs: shown.extend(jobs) or [Proposal("", "no")], budget=100, mini_batch_size=2)
    search.step()
    iteration = search.step()
    assert iteration.parent_rollouts == 8
    assert search.history.pool[0].dev_scores == (0.75,) * 6
    assert [example.outputs for example in shown[0].examples] == ["reward 0.0"] * 2


def test_an_exception_leaves_what_was_found_and_the_step_can_be_repeated():
    class DownError(Exception):
        pass

    class Flaky(HintReflector):
        down = False

        def __call__(self, jobs):
            if self.down:
                raise DownError
            return super().__call__(jobs)

    reflector = Flaky(useless=2)
    search = new_search(HintPolicy(), reflector, budget=200)
    search.step()
    search.step()
    found = search.history
    reflector.down = True
    with pytest.raises(DownError):
        search.run()
    assert search.history is found
    assert len(search.bank) > 0
    reflector.down = False
    assert search.run() == new_search(HintPolicy(), HintReflector(useless=2), budget=200).run()


def test_broken_contracts_are_named():
    with pytest.raises(ValueError, match="Expected 6 tuples of 1 rollouts"):
        search = new_search(HintPolicy(), HintReflector(), 1_000)
        search.evaluation.evaluate = HintPolicy(completions=2)
        search.run()
    with pytest.raises(ValueError, match="zip"):
        new_search(HintPolicy(), lambda jobs: [], 1_000).run()


def test_seeds_of_reflection_jobs_differ():
    reflector = HintReflector(useless=5)
    new_search(HintPolicy(), reflector, budget=400, width=4).run()
    assert len({job.seed for job in reflector.jobs}) == len(reflector.jobs) > 10


def test_a_larger_budget_only_adds_to_the_history_until_the_smaller_one_is_clipped():
    short = new_search(HintPolicy(), HintReflector(useless=4), budget=100, width=1).run()
    long = new_search(HintPolicy(), HintReflector(useless=4), budget=200, width=1).run()
    assert long.iterations[: len(short.iterations)] == short.iterations
    assert replace(long, iterations=()) != replace(short, iterations=())
