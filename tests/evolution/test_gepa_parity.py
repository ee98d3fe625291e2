"""The official `gepa` 0.1.4 and this engine, given the same deterministic schedule, do the same.

Both work on `hint_task`, with the same mini-batches (gepa's side reads them from our queue) and, where parents are
drawn, with our selector. A budget means different things: gepa compares it with its account between iterations only,
ours is never overshot and may clip the last iteration. So ours makes a number of steps far from its budget, and gepa's
`max_metric_calls` is what they cost: gepa stops after the same iterations, at exactly that number, iff its account
agrees with ours after each of them. One difference is meant and kept out of the comparison: ours pays nothing for a
text that was proposed before. So the reflector numbers its proposals, and no two are equal, which is asserted.
"""

import random

import gepa
import pytest
from gepa.core.adapter import EvaluationBatch, GEPAAdapter
from gepa.strategies.batch_sampler import BatchSampler
from gepa.strategies.proposal_sampling import ProposalTask, SamplingStrategy
from hint_task import HintPolicy, HintReflector, questions, to_example

from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import BestOrTiedSelector, BestSelector, DominanceSelector
from p2o.evolution.settings import EvolutionSettings
from p2o.evolution.trials import mini_batches
from p2o.reflectors.base import Proposal
from p2o.seeds import derive_seed

STEPS = 25  # the seeds, and 24 iterations


class NumberingReflector(HintReflector):
    """Puts a number on top of each proposal, which the policy does not read."""

    count = 0

    def propose(self, template, examples):
        self.count += 1
        hints = super().propose(template.partition("\n")[2], examples).template
        return Proposal(f"number {self.count}\n{hints}")


class HintAdapter(GEPAAdapter):
    """A subclass: gepa takes a look-alike without `propose_new_texts` too, and then swallows what it raises."""

    def __init__(self, policy, reflector):
        self.policy = policy
        self.reflector = reflector

    def evaluate(self, batch, candidate, capture_traces=False):
        rewards = [self.policy.reward(question, candidate["template"]) for question in batch]
        return EvaluationBatch(outputs=rewards, scores=rewards, trajectories=list(batch))

    def make_reflective_dataset(self, candidate, eval_batch, components_to_update):
        shown = zip(eval_batch.trajectories, eval_batch.scores, strict=True)
        return {"template": [{"text": question.text, "right": score == 1.0} for question, score in shown]}

    def propose_new_texts(self, candidate, reflective_dataset, components_to_update):
        examples = [(example["text"], example["right"]) for example in reflective_dataset["template"]]
        return {"template": self.reflector.propose(candidate["template"], examples).template}


class OurQueue(BatchSampler):
    def __init__(self, search):
        self.stream = mini_batches(len(search.train), search.settings.mini_batch_size, search.seed)

    def next_minibatch_ids(self, loader, state):
        return list(next(self.stream))


class OurParents(SamplingStrategy):
    def __init__(self, search):
        self.search = search

    def sample_tasks(self, state, candidate_selector, batch_sampler, trainset):
        scores = [[row[index] for index in sorted(row)] for row in state.prog_candidate_val_subscores]
        rng = random.Random(derive_seed(self.search.seed, "parents", state.i + 1))
        tasks = []
        for parent in self.search.selector.select(scores, self.search.settings.width, rng):
            ids = batch_sampler.next_minibatch_ids(trainset, state)
            tasks.append(ProposalTask(parent, state.program_candidates[parent], ids, trainset.fetch(ids)))
        return tasks


class Silent:
    def log(self, message):
        pass


def run_ours(policy, reflector, train, dev, seed, width, mini_batch_size, selector):
    settings = EvolutionSettings(10**9, width=width, mini_batch_size=mini_batch_size, patience=10**9)
    search = EvolutionSearch(train, dev, settings, policy, reflector, to_example, selector, seed)
    for _ in range(STEPS):
        search.step()
    assert not search.history.rejections
    return search


def run_theirs(search, policy, reflector, **options):
    return gepa.optimize(
        seed_candidate={"template": ""},
        trainset=list(search.train),
        valset=list(search.dev),
        adapter=HintAdapter(policy, reflector),
        batch_sampler=OurQueue(search),
        max_metric_calls=search.history.spent,
        skip_perfect_score=True,
        cache_evaluation=False,
        track_best_outputs=False,
        logger=Silent(),
        **options,
    )


def assert_equal(search, result):
    pool = search.history.pool
    assert [candidate.text for candidate in pool] == [candidate["template"] for candidate in result.candidates]
    assert [list(candidate.dev_scores) for candidate in pool] == [
        [row[index] for index in range(len(search.dev))] for row in result.val_subscores
    ]
    assert [candidate.parent for candidate in pool] == [parent for (parent,) in result.parents]
    assert search.history.spent == search.evaluation.evaluate.rollouts == result.total_metric_calls


TASKS = [  # train, dev, topics, B, memory, useless
    (9, 6, 5, 3, 4, 3),
    (20, 12, 9, 3, 6, 2),
    (40, 30, 20, 3, 12, 3),
    (7, 5, 4, 2, 2, 4),
    (13, 11, 8, 4, 5, 0),
]


def task(train, dev, topics, mini_batch_size, memory, useless):
    data = {"train": questions("train", train, topics), "dev": questions("dev", dev, topics)}
    return data | {"mini_batch_size": mini_batch_size}, lambda: (HintPolicy(memory), NumberingReflector(useless))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", TASKS)
def test_greedy_search_equals_gepa_with_its_own_selector(sizes, seed):
    data, parts = task(*sizes)
    search = run_ours(*parts(), **data, seed=seed, width=1, selector=BestSelector())
    assert len(search.history.pool) > 2
    assert_equal(search, run_theirs(search, *parts(), candidate_selection_strategy="current_best"))


@pytest.mark.parametrize("selector", [DominanceSelector(), BestOrTiedSelector()])
@pytest.mark.parametrize("width", [2, 16])
@pytest.mark.parametrize("sizes", TASKS)
def test_wide_search_equals_gepa_with_our_parents(sizes, width, selector):
    data, parts = task(*sizes)
    search = run_ours(*parts(), **data, seed=11, width=width, selector=selector)
    assert_equal(search, run_theirs(search, *parts(), sampling_strategy=OurParents(search)))


def test_the_tasks_have_every_kind_of_iteration():
    iterations = []
    for sizes in TASKS:
        data, parts = task(*sizes)
        iterations += run_ours(*parts(), **data, seed=0, width=4, selector=DominanceSelector()).history.iterations
    assert any(iteration.skipped for iteration in iterations)
    assert any(iteration.accepted > 1 for iteration in iterations)
    assert any(0 < iteration.accepted < iteration.tried for iteration in iterations)
