"""The search for templates within a budget: iterations of GEPA, and the stages that may follow them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from p2o.errors import InputError
from p2o.evolution.evaluation import Evaluate, Evaluation, Pair, paid_pairs
from p2o.evolution.gates import Gate, StrictImprovement
from p2o.evolution.history import Candidate, History, Iteration, Stage, Status
from p2o.evolution.selectors import ParentSelector
from p2o.evolution.settings import EvolutionSettings, StopReason, affordable_parents
from p2o.evolution.stages.gepa import GepaStage, Reflect, ToExample
from p2o.evolution.stages.schedule import Schedule
from p2o.evolution.trials import MiniBatches, share_correct
from p2o.progress import task
from p2o.prompts.templates import TemplateBank
from p2o.seeds import derive_seed
from p2o.types import Question


class EvolutionSearch:
    """Evolves templates on hard questions, within a budget of rollouts.

    Mini-batches compare rewards; dev scores are shares of correct completions, so that front, cover and weights keep
    their meaning when the reward is shaped. A step that raises (say, an endpoint is down) leaves no trace: what was
    found before stays, and calling it again repeats it.

    Args:
        train: Questions to reflect on. With none, only the seeds are scored.
        dev: Questions to score templates on, their ids all different; the first ones are the screen. With none, nothing
            is evaluated.
        settings: Budget, sizes and stages.
        evaluate: n graded rollouts for each pair of question and template, in order; the second argument names the
            phase. A resumed search is exact only if the rollouts of a pair do not depend on when it is evaluated.
        reflect: One proposal for each job, in order.
        to_example: What the reflector sees of a rollout: for each question, the first one with the lowest reward.
        selector: Chooses parents.
        seed: Decides every draw.
        seed_templates: The first templates of the pool, at least one; the budget may leave out some of the last.
        gate: Decides which children are scored on the dev questions.
        draw_again: As `evaluate`, with other draws: only for `settings.confirm`.
        known_scores: Scores of the empty template by the question's id. If they have the whole screen, it is not asked.
        recall: As `evaluate`, for pairs that `settings.reuse` has paid for in an earlier process.
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
        gate: Gate = StrictImprovement(),  # noqa: B008 (it has no state)
        draw_again: Evaluate | None = None,
        known_scores: Mapping[str, float] | None = None,
        recall: Evaluate | None = None,
    ) -> None:
        self.train = tuple(train)
        self.dev = tuple(dev)
        self.screen = self.dev[: settings.screen_size]
        self.settings = settings
        self.reflect = reflect
        self.selector = selector
        self.seed = seed
        if not seed_templates:
            raise ValueError("Expected at least one seed template; the bare question is the template ''.")
        self.seed_templates = tuple(dict.fromkeys(text.strip() for text in seed_templates))
        self.history = History()
        known = [known_scores[q.id] for q in self.screen if known_scores and q.id in known_scores]
        self.known_scores = {"": tuple(known)} if known and len(known) == len(self.screen) else {}
        self.evaluation = Evaluation(evaluate, settings.completions, settings.reuse, recall)
        self.second_draw = Evaluation(draw_again or evaluate, settings.completions, reuse=False)
        batches = MiniBatches(self.train, settings.mini_batch_size, seed)
        self.gepa = GepaStage(
            settings, self.screen, batches, self.evaluation, reflect, to_example, selector, gate, seed
        )
        self.dev_cost = self.gepa.dev_cost
        self.mini_batch_cost = self.gepa.mini_batch_cost

    def run(self, after_step: Callable[[], object] = lambda: None) -> History:
        """Steps until there is a reason to stop."""
        with task("evolution", self.settings.budget, "rollout", self.history.spent) as evolution:
            while self.stop_reason is None:
                with task(f"iteration {self._number}"):
                    self.step()
                after_step()
                evolution.advance(self.history.spent - evolution.done)
        return self.history

    @property
    def schedule(self) -> Schedule:
        """What may come next, given what was spent on what so far."""
        return Schedule(self.settings, self.history, [question.id for question in self.dev], len(self.screen))

    @property
    def stop_reason(self) -> StopReason | None:
        """Why there is no next step; None if there is one."""
        return None if self._next_stage() else self._search_ends()

    @property
    def remaining(self) -> int:
        """Rollouts of the budget that may still be spent."""
        return self.settings.budget - self.history.spent

    @property
    def bank(self) -> TemplateBank:
        """The greedy set cover of the pool found so far."""
        return self.schedule.bank

    def step(self) -> Iteration:
        """One iteration: of the search, whose first one scores the seeds, or of a later stage.

        Raises:
            ValueError: There is a `stop_reason`, or a part broke its contract (a wrong number of rollouts or parents).
        """
        stage = self._next_stage()
        if stage is None:
            raise ValueError(f"This evolution has ended: {self._search_ends()}.")
        self.evaluation.begin_step(self._paid())
        search = self._search if self.history.iterations else self._score_seeds
        return {Stage.SEARCH: search, Stage.COVER: self._cover, Stage.CONFIRM: self._confirm}[stage]()

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
                "of another evolution. Resume with the data, screen and seed it was started with, or start it anew."
            )
        self.history = History.from_state_dict(state["history"])

    def _next_stage(self) -> Stage | None:
        return self.schedule.next_stage(search_goes_on=self._search_ends() is None)

    def _search_ends(self) -> StopReason | None:
        """Why the search has no next iteration; None if it has one."""
        if not self.dev:
            return StopReason.NO_DEV
        if self.dev_cost > self.schedule.search_limit:
            return StopReason.SMALL_BUDGET
        if not self.history.iterations:
            return None
        if not self.train:
            return StopReason.NO_TRAIN
        if self.history.idle >= self.settings.patience:
            return StopReason.IDLE
        return None if self._width() else StopReason.BUDGET

    def _score_seeds(self) -> Iteration:
        """Iteration 0: the dev vectors of the seed templates that are known or that the budget pays for."""
        asked = [text for text in self.seed_templates if text not in self.known_scores]
        vectors = self.known_scores | self.gepa.score(asked[: self._left() // self.dev_cost])
        seeds = [
            Candidate(text, Status.SEED, iteration=0, dev_scores=vectors[text])
            for text in self.seed_templates
            if text in vectors
        ]
        return self._record(self.history.extended(seeds, Iteration(dev_rollouts=self.evaluation.costs["dev"])))

    def _search(self) -> Iteration:
        found = self.gepa(self.history, self._width(), self._left())
        return self._record(self.history.extended(found.candidates, found.iteration, found.rejected))

    def _cover(self) -> Iteration:
        """Templates of the pool on dev questions beyond the screen that nobody solved yet."""
        call = self.schedule.cover.next_call(self.schedule.budget - self.history.spent)
        assert call is not None  # the schedule says so
        asked = {index: [self.dev[question] for question in call.questions] for index in call.templates}
        return self._record(self._asked_further(asked, self.evaluation, Stage.COVER))

    def _confirm(self) -> Iteration:
        """Dev questions that one template alone solves, asked again under that template."""
        asked: dict[int, list[Question]] = {}
        for question in self.dev:
            if (index := self.schedule.single_solvers.get(question.id)) is not None:
                asked.setdefault(index, []).append(question)
        return self._record(self._asked_further(asked, self.second_draw, Stage.CONFIRM))

    def _asked_further(self, asked: Mapping[int, Sequence[Question]], evaluation: Evaluation, stage: Stage) -> History:
        """The history after templates, by their index in the pool, were asked further dev questions in one call."""
        evaluation.begin_step(self._paid())
        texts = [self.history.pool[index].text for index in asked]
        results = evaluation(texts, [tuple(questions) for questions in asked.values()], str(stage))
        scores = {
            index: {question.id: share_correct(graded) for question, graded in zip(asked[index], result, strict=True)}
            for index, result in zip(asked, results, strict=True)
        }
        return self.history.updated(scores, Iteration(dev_rollouts=evaluation.costs.total(), stage=stage))

    def _record(self, history: History) -> Iteration:
        self.history = history
        return history.iterations[-1]

    @property
    def _number(self) -> int:
        """The number of the iteration that comes next, or runs."""
        return len(self.history.iterations)

    def _left(self) -> int:
        """Rollouts that the search may still spend before it gives way to another stage."""
        return self.schedule.search_limit - self.history.spent

    def _width(self) -> int:
        """Parents of the next iteration at most: W, or what the budget can pay."""
        paid = affordable_parents(self._left(), self.mini_batch_cost, self.dev_cost, self.settings.proposals)
        return min(self.settings.width, paid)

    def _paid(self) -> set[Pair]:
        if not self.settings.reuse:
            return set()
        return paid_pairs(self.history, self.gepa.batches, [question.id for question in self.screen])

    def _fingerprint(self) -> int:
        train, dev = ([question.id for question in questions] for questions in (self.train, self.dev))
        screen = ("screen", len(self.screen)) if len(self.screen) < len(self.dev) else ()
        return derive_seed(self.seed, "train", *train, "dev", *dev, *screen)
