"""The GEPA loop: choose parents, reflect on their failures, compare the children with them, score the better on dev."""

import random
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from p2o.errors import InputError
from p2o.evolution.history import Candidate, History, Iteration, Status
from p2o.evolution.proposals.novelty import sift
from p2o.evolution.selectors import ParentSelector
from p2o.evolution.settings import EvolutionSettings, StopReason, affordable_parents
from p2o.evolution.trials import Child, Graded, Trial, mini_batches, share_correct
from p2o.progress import task
from p2o.prompts.set_cover import cover
from p2o.prompts.templates import TemplateBank
from p2o.reflectors.base import Example, Proposal, ReflectionJob
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout

Evaluate = Callable[[Sequence[tuple[Question, str]], str], Sequence[Graded]]
Reflect = Callable[[Sequence[ReflectionJob]], Sequence[Proposal]]
ToExample = Callable[[Rollout], Example]


class EvolutionSearch:
    """Evolves templates on hard questions, within a budget of rollouts.

    Mini-batches compare rewards; dev scores are shares of correct completions, so that front, cover and weights keep
    their meaning when the reward is shaped. A step that raises (say, an endpoint is down) leaves no trace: what was
    found before stays, and calling it again repeats it.

    Args:
        train: Questions to reflect on. With none, only the seeds are scored.
        dev: Questions to score templates on, their ids all different. With none, nothing is evaluated.
        settings: Budget and sizes.
        evaluate: n graded rollouts for each pair of question and template, in order; the second argument names the
            phase. A resumed search is exact only if the rollouts of a pair do not depend on when it is evaluated.
        reflect: One proposal for each job, in order.
        to_example: What the reflector sees of a rollout: for each question, the first one with the lowest reward.
        selector: Chooses parents.
        seed: Decides every draw.
        seed_templates: The first templates of the pool, at least one; the budget may leave out some of the last.
    """

    def __init__(
        self,
        train: Sequence[Question],
        dev: Sequence[Question],
        settings: EvolutionSettings,
        evaluate: Evaluate,
        reflect: Reflect,
        to_example: ToExample,
        selector: ParentSelector,
        seed: int,
        seed_templates: Sequence[str] = ("",),
    ) -> None:
        self.train = tuple(train)
        self.dev = tuple(dev)
        self.settings = settings
        self.evaluate = evaluate
        self.reflect = reflect
        self.to_example = to_example
        self.selector = selector
        self.seed = seed
        if not seed_templates:
            raise ValueError("Expected at least one seed template; the bare question is the template ''.")
        self.seed_templates = tuple(dict.fromkeys(text.strip() for text in seed_templates))
        self.history = History()
        self._queue = mini_batches(len(self.train), settings.mini_batch_size, seed)
        self._drawn: list[tuple[int, ...]] = []  # kept, so that a repeated step draws what it drew before
        self.dev_cost = len(self.dev) * settings.completions
        self.mini_batch_cost = min(settings.mini_batch_size, len(self.train)) * settings.completions

    def run(self) -> History:
        """Steps until there is a reason to stop."""
        with task("evolution", self.settings.budget, "rollout", self.history.spent) as evolution:
            while self.stop_reason is None:
                with task(f"iteration {self._number}"):
                    self.step()
                evolution.advance(self.history.spent - evolution.done)
        return self.history

    @property
    def stop_reason(self) -> StopReason | None:
        """Why there is no next step; None if there is one."""
        if not self.dev:
            return StopReason.NO_DEV
        if self.dev_cost > self.settings.budget:
            return StopReason.SMALL_BUDGET
        if not self.history.iterations:
            return None
        if not self.train:
            return StopReason.NO_TRAIN
        if self.history.idle >= self.settings.patience:
            return StopReason.IDLE
        return None if self._width() else StopReason.BUDGET

    @property
    def remaining(self) -> int:
        """Rollouts of the budget that may still be spent."""
        return self.settings.budget - self.history.spent

    @property
    def bank(self) -> TemplateBank:
        """The greedy set cover of the pool found so far."""
        pool = self.history.pool
        return cover(
            [candidate.text for candidate in pool],
            [question.id for question in self.dev],
            [candidate.dev_scores for candidate in pool],
        )

    def step(self) -> Iteration:
        """One iteration in four batched phases; the first step scores the seeds instead.

        Raises:
            ValueError: There is a `stop_reason`, or a part broke its contract (a wrong number of rollouts or parents).
        """
        if reason := self.stop_reason:
            raise ValueError(f"This evolution has ended: {reason}.")
        if not self.history.iterations:
            return self._score_seeds()
        trials = self._try_parents()
        hopeful = [trial for trial in trials if not trial.perfect]
        proposed, rejections = self._propose(hopeful)
        children = self._try_children(proposed)
        accepted = [child for child in children if child.gain > 0]
        mini_batch_rollouts = self.mini_batch_cost * (len(trials) + len(children))
        paid = best_gains(accepted, (self.remaining - mini_batch_rollouts) // self.dev_cost)
        vectors = self._score_on_dev([child.text for child in paid])
        return self._record(
            [child.candidate(self._number, vectors.get(child.text)) for child in children],
            Iteration(
                parents=tuple(trial.parent for trial in trials),
                skipped=len(trials) - len(hopeful),
                rejections=rejections,
                tried=len(children),
                accepted=len(accepted),
                parent_rollouts=self.mini_batch_cost * len(trials),
                child_rollouts=self.mini_batch_cost * len(children),
                dev_rollouts=self.dev_cost * len(paid),
            ),
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that a later search needs to go on from here, in plain types."""
        return {"fingerprint": self._fingerprint(), "history": self.history.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken.

        Raises:
            InputError: The state is of a search with other questions or another seed.
        """
        if state["fingerprint"] != self._fingerprint():
            raise InputError(
                "Expected the saved state of an evolution with these train and dev questions and this seed, found one "
                "of another evolution. Resume with the data and the seed it was started with, or start it anew."
            )
        self.history = History.from_state_dict(state["history"])

    def _score_seeds(self) -> Iteration:
        """Iteration 0: the dev vectors of the seed templates that the budget pays for."""
        vectors = self._score_on_dev(self.seed_templates[: self.remaining // self.dev_cost])
        seeds = [Candidate(text, Status.SEED, iteration=0, dev_scores=scores) for text, scores in vectors.items()]
        return self._record(seeds, Iteration(dev_rollouts=self.dev_cost * len(seeds)))

    def _try_parents(self) -> list[Trial]:
        """Phase 1: each parent on a mini-batch of its own."""
        parents = self._select_parents()
        texts = [self.history.pool[parent].text for parent in parents]
        batches = self._draw(len(parents))
        results = self._on_batches(texts, batches, "parents")
        return [Trial(*fields) for fields in zip(parents, batches, results, strict=True)]

    def _draw(self, count: int) -> list[tuple[Question, ...]]:
        """The next mini-batches: those that the history has not used."""
        start, stop = self.history.mini_batches, self.history.mini_batches + count
        self._drawn += islice(self._queue, max(0, stop - len(self._drawn)))
        return [tuple(self.train[index] for index in indices) for indices in self._drawn[start:stop]]

    def _select_parents(self) -> list[int]:
        limit = self._width()
        rng = random.Random(derive_seed(self.seed, "parents", self._number))
        parents = self.selector.select([candidate.dev_scores for candidate in self.history.pool], limit, rng)
        if not 1 <= len(parents) <= limit:
            raise ValueError(f"Expected 1 to {limit} parents from {self.selector!r}, got {parents}.")
        return parents

    def _propose(self, trials: Sequence[Trial]) -> tuple[list[tuple[Trial, Proposal]], dict[str, int]]:
        """Phase 2: proposals with new texts, each with its trial, and the reasons why there are no more."""
        tries = [(trial, k) for trial in trials for k in range(self.settings.proposals)]
        proposals = self.reflect([self._job(*one) for one in tries]) if tries else []
        return sift([trial for trial, _ in tries], proposals, self.history)

    def _job(self, trial: Trial, k: int) -> ReflectionJob:
        worst = [min(graded, key=lambda rollout: rollout.reward) for graded in trial.before]
        return ReflectionJob(
            template=self.history.pool[trial.parent].text,
            examples=tuple(self.to_example(rollout) for rollout in worst),
            seed=derive_seed(self.seed, "reflect", self._number, trial.parent, k),
        )

    def _try_children(self, proposed: Sequence[tuple[Trial, Proposal]]) -> list[Child]:
        """Phase 3: each child on the mini-batch of its parent."""
        texts = [proposal.template for _, proposal in proposed]
        results = self._on_batches(texts, [trial.questions for trial, _ in proposed], "children")
        return [Child(trial, proposal, after) for (trial, proposal), after in zip(proposed, results, strict=True)]

    def _score_on_dev(self, texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
        """Phase 4: the dev vector of each text."""
        results = self._on_batches(texts, [self.dev] * len(texts), "dev")
        vectors = [tuple(share_correct(graded) for graded in result) for result in results]
        return dict(zip(texts, vectors, strict=True))

    def _on_batches(
        self, texts: Sequence[str], batches: Sequence[tuple[Question, ...]], phase: str
    ) -> list[tuple[Graded, ...]]:
        """Each text on its own batch of questions, all in one call."""
        pairs = [(question, text) for text, batch in zip(texts, batches, strict=True) for question in batch]
        results = self.evaluate(pairs, phase) if pairs else []
        expected = [self.settings.completions] * len(pairs)
        if (found := [len(graded) for graded in results]) != expected:
            raise ValueError(f"Expected {len(pairs)} tuples of {self.settings.completions} rollouts, got {found}.")
        graded = iter(results)
        return [tuple(islice(graded, len(batch))) for batch in batches]

    def _record(self, candidates: Sequence[Candidate], iteration: Iteration) -> Iteration:
        self.history = self.history.extended(candidates, iteration)
        return iteration

    @property
    def _number(self) -> int:
        """The number of the iteration that comes next, or runs."""
        return len(self.history.iterations)

    def _width(self) -> int:
        """Parents of the next iteration at most: W, or what the budget can pay."""
        paid = affordable_parents(self.remaining, self.mini_batch_cost, self.dev_cost, self.settings.proposals)
        return min(self.settings.width, paid)

    def _fingerprint(self) -> int:
        train, dev = ([question.id for question in questions] for questions in (self.train, self.dev))
        return derive_seed(self.seed, "train", *train, "dev", *dev)


def best_gains(children: Sequence[Child], count: int) -> list[Child]:
    """The `count` children with the largest gains, the first of equals."""
    return sorted(children, key=lambda child: -child.gain)[:count]
