"""One iteration of GEPA: parents on mini-batches, reflection, children on the same mini-batches, the better on dev."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from p2o.evolution.evaluation import Evaluation
from p2o.evolution.gates import Gate, Verdict, judge_checked
from p2o.evolution.history import Candidate, History, Iteration, RejectedProposal
from p2o.evolution.proposals.novelty import sift
from p2o.evolution.proposals.partners import find_partner
from p2o.evolution.selectors import ParentSelector, select_checked
from p2o.evolution.settings import EvolutionSettings
from p2o.evolution.trials import Child, MiniBatches, Trial, share_correct
from p2o.reflectors.base import Example, Proposal, ReflectionJob
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout

Reflect = Callable[[Sequence[ReflectionJob]], Sequence[Proposal]]
ToExample = Callable[[Rollout], Example]

UNPAID = "beyond the budget"  # a further reply to a job, for which no rollouts are left


@dataclass(frozen=True)
class Found:
    """What an iteration adds to the history."""

    candidates: list[Candidate]
    iteration: Iteration
    rejected: list[RejectedProposal]


@dataclass(frozen=True)
class GepaStage:
    """Tries to improve templates of a pool; the parts are those of `EvolutionSearch`."""

    settings: EvolutionSettings
    screen: Sequence[Question]
    batches: MiniBatches
    evaluation: Evaluation
    reflect: Reflect
    to_example: ToExample
    selector: ParentSelector
    gate: Gate
    seed: int

    @property
    def dev_cost(self) -> int:
        """Rollouts that scoring one template takes."""
        return len(self.screen) * self.settings.completions

    @property
    def mini_batch_cost(self) -> int:
        """Rollouts of a template on one mini-batch."""
        return self.batches.size * self.settings.completions

    def __call__(self, history: History, limit: int, left: int) -> Found:
        """One iteration in four batched phases.

        Args:
            history: All that happened so far.
            limit: Parents at most.
            left: Rollouts that may be spent.
        """
        number = len(history.iterations)
        trials = self._try_parents(history, limit)
        hopeful = [trial for trial in trials if not trial.perfect]
        proposed, rejected = self._propose(hopeful, history, left)
        children, chances = self._try_children(proposed, history.mini_batches + len(trials), left)
        accepted = [child for child in children if self._verdict(child) is Verdict.ACCEPTED]
        paid = best_gains(accepted, (left - self.evaluation.costs.total()) // self.dev_cost)
        vectors = self.score([child.text for child in paid])
        costs = self.evaluation.costs
        iteration = Iteration(
            parents=tuple(trial.parent for trial in trials),
            skipped=len(trials) - len(hopeful),
            rejections=dict(Counter(proposal.cause for proposal in rejected)),
            tried=len(children),
            accepted=len(accepted),
            parent_rollouts=costs["parents"],
            child_rollouts=costs["children"] + costs["second chances"],
            dev_rollouts=costs["dev"],
            second_chances=chances,
        )
        candidates = [child.candidate(number, child in accepted, vectors.get(child.text)) for child in children]
        return Found(candidates, iteration, rejected)

    def score(self, texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
        """Phase 4: the dev vector of each text."""
        results = self.evaluation(texts, [tuple(self.screen)] * len(texts), "dev")
        vectors = [tuple(share_correct(graded) for graded in result) for result in results]
        return dict(zip(texts, vectors, strict=True))

    def _try_parents(self, history: History, limit: int) -> list[Trial]:
        """Phase 1: each parent on a mini-batch of its own."""
        parents = self._select_parents(history, limit)
        texts = [history.pool[parent].text for parent in parents]
        batches = self.batches.numbered(history.mini_batches, len(parents))
        results = self.evaluation(texts, batches, "parents")
        return [Trial(*fields) for fields in zip(parents, batches, results, strict=True)]

    def _select_parents(self, history: History, limit: int) -> list[int]:
        rng = random.Random(derive_seed(self.seed, "parents", len(history.iterations)))
        parents = select_checked(self.selector, [candidate.dev_scores for candidate in history.pool], limit, rng)
        count = max(len(parents), min(limit, self.settings.min_parents))
        return sorted(islice(cycle(parents), count)) if count > len(parents) else parents

    def _propose(
        self, trials: Sequence[Trial], history: History, left: int
    ) -> tuple[list[tuple[Trial, Proposal]], list[RejectedProposal]]:
        """Phase 2: proposals with new texts, each with its trial, and those that came to nothing.

        The iteration can pay for a proposal of each job and one dev evaluation; further replies take what is left.
        """
        tries = [(trial, k) for trial in trials for k in range(self.settings.proposals)]
        number = len(history.iterations)
        seeds = told_apart([derive_seed(self.seed, "reflect", number, trial.parent, k) for trial, k in tries])
        jobs = [self._job(trial, seed, history) for (trial, _), seed in zip(tries, seeds, strict=True)]
        jobs = [replace(job, number=history.proposals + index) for index, job in enumerate(jobs)]
        proposals = self.reflect(jobs) if jobs else []
        new, rejected = sift([trial for trial, _ in tries], proposals, history)
        affordable = (left - self.dev_cost - self.evaluation.costs.total()) // self.mini_batch_cost
        unpaid = [
            RejectedProposal(number, trial.parent, UNPAID, proposal.prompt, proposal.reply)
            for trial, proposal in new[affordable:]
        ]
        return new[:affordable], rejected + unpaid

    def _job(self, trial: Trial, seed: int, history: History) -> ReflectionJob:
        worst = [min(graded, key=lambda rollout: rollout.reward) for graded in trial.before]
        rng, partner = random.Random(derive_seed(seed, "crossover")), None
        if rng.random() < self.settings.crossover:
            partner = find_partner(history.pool, trial.parent, [question.text for question in self.screen], rng)
        return ReflectionJob(
            template=history.pool[trial.parent].text,
            examples=tuple(self.to_example(rollout) for rollout in worst),
            seed=seed,
            evolution_seed=self.seed,
            partner=partner,
        )

    def _try_children(
        self, proposed: Sequence[tuple[Trial, Proposal]], drawn: int, left: int
    ) -> tuple[list[Child], int]:
        """Phase 3: each child on the mini-batch of its parent, and both on further ones while the gate is undecided.

        Args:
            proposed: Proposals, each with the trial that it came from.
            drawn: Mini-batches drawn so far.
            left: Rollouts that this iteration may spend; one dev evaluation of them is not touched.

        Returns:
            The children, and how many further mini-batches were drawn.
        """
        texts = [proposal.template for _, proposal in proposed]
        results = self.evaluation(texts, [trial.questions for trial, _ in proposed], "children")
        children = [Child(trial, proposal, after) for (trial, proposal), after in zip(proposed, results, strict=True)]
        chances = 0
        while undecided := [k for k, child in enumerate(children) if self._verdict(child) is Verdict.UNDECIDED]:
            affordable = (left - self.dev_cost - self.evaluation.costs.total()) // (2 * self.mini_batch_cost)
            undecided = undecided[: max(0, affordable)]
            if not undecided:
                break
            batches = self.batches.numbered(drawn + chances, len(undecided))
            chances += len(undecided)
            pairs = [(self._parent_text(children[k]), children[k].text) for k in undecided]
            both = [text for pair in pairs for text in pair]
            found = iter(self.evaluation(both, [batch for batch in batches for _ in range(2)], "second chances"))
            for k, batch in zip(undecided, batches, strict=True):
                children[k] = children[k].extended(batch, before=next(found), after=next(found))
        return children, chances

    def _parent_text(self, child: Child) -> str:
        return child.trial.before[0][0].template

    def _verdict(self, child: Child) -> Verdict:
        return judge_checked(self.gate, child.gain, len(child.trial.questions) // self.batches.size)


def told_apart(seeds: Sequence[int]) -> list[int]:
    """The seeds, of which equal ones (of a parent that was chosen twice) are made different."""
    seen: Counter[int] = Counter()
    different = []
    for seed in seeds:
        again, seen[seed] = seen[seed], seen[seed] + 1
        different.append(derive_seed(seed, "again", again) if again else seed)
    return different


def best_gains(children: Sequence[Child], count: int) -> list[Child]:
    """The `count` children with the largest gains, the first of equals."""
    return sorted(children, key=lambda child: -child.gain)[:count]
