"""The evolution between two epochs: its search, the rollouts that the search asks for, and what it all cost."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from p2o.distributed.processes import gather, rank, share
from p2o.endpoints.usage import Usage
from p2o.engines.base import SamplingParams
from p2o.errors import InputError
from p2o.evolution.gates import Gate, StrictImprovement
from p2o.evolution.proposals.advice import warn_if_useless
from p2o.evolution.proposals.carried_over import carried_over
from p2o.evolution.proposals.leak_guard import LeakGuard
from p2o.evolution.proposals.ledger import Ledger
from p2o.evolution.proposals.prompt_check import PromptCheck
from p2o.evolution.proposals.reflection import Check, Reflection
from p2o.evolution.result import EvolutionResult
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import ParentSelector
from p2o.evolution.settings import EvolutionSettings, Level, evolution_sizes, measured_by
from p2o.evolution.trials import CompareOn, Graded, compared
from p2o.policy.module import PolicyModule
from p2o.prompts.set_cover import Credit
from p2o.prompts.templates import TemplateBank
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.feedback import to_example
from p2o.rollouts import RolloutRequest
from p2o.rollouts.counts import total_counts
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout


@dataclass(eq=False)
class PhaseSettings:
    """How every evolution of a run goes; `TemplateEvolution`, which adds what concerns the run, says what each is.

    Raises:
        InputError: A setting is out of range.
    """

    reflector: Reflector
    selector: ParentSelector
    budget: int | Level = "heavy_4"
    dev_size: int = 300
    width: int = 16
    mini_batch_size: int = 3
    proposals: int = 1
    min_parents: int = 4
    completions: int = 1
    temperature: float = 0.0
    gate: Gate = field(default_factory=StrictImprovement)
    compare_on: CompareOn = "hard"
    screen_size: int | None = None
    cover_share: float = 0.0
    credit: Credit = "majority"
    reuse: bool = False
    confirm: Literal["never", "report", "drop"] = "never"
    crossover: float = 0.0
    mined_seed: bool = False
    carry_over: bool = False
    show_answer: bool = True
    leak_guard: Literal["held_back", "all", "none"] = "held_back"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.dev_size < 1:
            raise InputError(f"evolution.dev_size must be at least 1, got {self.dev_size}.")
        if self.temperature < 0:
            raise InputError(f"evolution.temperature must be at least 0 (0 is greedy), got {self.temperature}.")
        # Sizes that cannot be are rejected before training, not after an epoch of it.
        self.search_settings(self.budget if isinstance(self.budget, int) else 0)

    def search_settings(self, budget: int) -> EvolutionSettings:
        """The sizes of a search with this budget."""
        return EvolutionSettings(
            budget,
            self.width,
            self.mini_batch_size,
            self.completions,
            self.proposals,
            min_parents=self.min_parents,
            screen_size=self.screen_size,
            cover_share=self.cover_share,
            credit=self.credit,
            reuse=self.reuse,
            confirm=self.confirm,
            crossover=self.crossover,
        )


class EvolutionPhase:
    """The evolution after one epoch. Every process runs the same search, and so finds the same templates.

    Args:
        settings: How evolutions of this run go.
        module: Whose policy answers the questions.
        hard: The hard questions of the epoch.
        epoch: Its number.
        last_bank: The templates of this epoch, with which the search may start.
        guarded: Questions that no template may give away, besides the dev questions.
        ledger: Where the cost of reflection is booked.
        mined: Share of correct rollouts of the epoch by the question's id, for `mined_seed` and `compare_on`.
        asked: Other questions that may be asked under a template of the bank, which must fit into their prompts.
        tau: τ, by which questions are hard; None: the questions come from elsewhere.
    """

    def __init__(
        self,
        settings: PhaseSettings,
        module: PolicyModule,
        hard: Sequence[Question],
        epoch: int,
        last_bank: TemplateBank,
        guarded: Sequence[Question],
        ledger: Ledger,
        mined: Mapping[str, float] | None = None,
        asked: Sequence[Question] = (),
        tau: int | None = None,
    ) -> None:
        self.settings = settings
        self.module = module
        self.epoch = epoch
        self.ledger = ledger
        self.last_bank = last_bank
        self._measured_by = measured_by(settings, tau, module)
        self._tokens_before = 0  # of completions, in earlier processes of this run
        self._keep: Callable[[dict[str, Any]], object] = lambda state: None
        self._counted = self._counts_then = module.counts.state_dict()
        shuffled = list(hard)
        random.Random(derive_seed(settings.seed, "split", epoch)).shuffle(shuffled)
        dev_size, budget = evolution_sizes(len(hard), settings.dev_size, settings.budget, settings.completions)
        dev = shuffled[:dev_size]
        checks: list[Check] = [
            PromptCheck(module.renderer, [*hard, *asked], module.max_templated_prompt_length),
            LeakGuard([] if settings.leak_guard == "none" else [*guarded, *dev]),
        ]
        self.reflection = Reflection(settings.reflector, self._context, checks, ledger, epoch)
        carried = carried_over(last_bank, checks) if settings.carry_over else []
        self.search = EvolutionSearch(
            train=compared(settings.compare_on, shuffled[dev_size:], mined or {}, settings.mini_batch_size),
            dev=dev,
            settings=settings.search_settings(budget),
            evaluate=self._evaluate,
            reflect=self._reflect,
            to_example=partial(to_example, instruction=module.instruction, show_answer=settings.show_answer),
            selector=settings.selector,
            seed=derive_seed(settings.seed, "evolution", epoch),
            seed_templates=["", *carried],
            gate=settings.gate,
            draw_again=self._draw_again,
            known_scores=mined if settings.mined_seed else None,
            recall=partial(self._evaluate, phase=""),  # an earlier process has counted it
        )

    def run(self, keep: Callable[[dict[str, Any]], object] = lambda state: None) -> EvolutionResult:
        """Runs the search to its end, or as far as reflection goes; the result says which of the two.

        Args:
            keep: Takes the state after each iteration, and within one as soon as reflection has answered.
        """
        self._keep = keep
        self._counted = self._counts_then = self.module.counts.state_dict()
        started = time.monotonic()
        failure = ""
        try:
            self.search.run(self._end_iteration)
        except ReflectionFailed as failed:
            failure = str(failed)
        seconds = max(gather(time.monotonic() - started))
        usages = self.ledger.of(self.epoch)
        reflection = sum(usage.completion_tokens for usage in usages.values())
        spent = {"evolution": self._tokens(self.module.counts.state_dict()), "reflection": reflection}
        return EvolutionResult.of(self.search, self.epoch, seconds, spent, usages, failure, self.last_bank)

    def state_dict(self) -> dict[str, Any]:
        """How far the search came, and the replies that must not be paid for twice, in plain types.

        Rollouts of an iteration that did not end are not counted, since they are sampled anew.
        """
        return {
            "search": self.search.state_dict(),
            "measured_by": self._measured_by,
            "answers": self.reflection.state_dict(),
            "tokens": self._tokens(self._counted),
            "counts": total_counts(self._counted),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken, in a resumed run."""
        self.search.load_state_dict(state["search"])
        self.reflection.load_state_dict(state["answers"])
        self._tokens_before = state["tokens"]
        if rank() == 0:  # the counts are those of all processes: one goes on from there
            self.module.counts.load_state_dict(state["counts"])

    def _end_iteration(self) -> None:
        self.reflection.forget()
        warn_if_useless(self.search.history, ended=self.search.stop_reason is not None)
        self._counted = self.module.counts.state_dict()
        self._keep(self.state_dict())

    def _reflect(self, jobs: Sequence[ReflectionJob]) -> list[Proposal]:
        proposals = self.reflection(jobs)
        self._keep(self.state_dict())
        return proposals

    def _tokens(self, counts: dict[str, dict[str, int]]) -> int:
        """Of completions, by all processes, from the beginning of this evolution to these counts."""
        mine = counts["tokens"]["evolution"] - self._counts_then["tokens"]["evolution"]
        return self._tokens_before + sum(gather(mine))

    def _evaluate(self, pairs: Sequence[tuple[Question, str]], title: str, phase: str = "evolution") -> list[Graded]:
        """n completions for each pair, at the temperature of evolution."""
        return self._roll_out(pairs, title, "evaluate", self.settings.temperature, phase)

    def _draw_again(self, pairs: Sequence[tuple[Question, str]], title: str) -> list[Graded]:
        """n other completions for each pair, at the temperature of training: greedily they would be the same ones."""
        return self._roll_out(pairs, title, "confirm", self.module.sampling.temperature, "evolution")

    def _roll_out(
        self, pairs: Sequence[tuple[Question, str]], title: str, draw: str, temperature: float, phase: str
    ) -> list[Graded]:
        """n completions for each pair, all in one engine call on each process, which has a share of them.

        Who samples a completion does not matter: its seed is its own.
        """
        seed, n, module = self.settings.seed, self.settings.completions, self.module
        requests = [
            RolloutRequest(question, template, derive_seed(seed, draw, self.epoch, question.id, template, k))
            for question, template in pairs
            for k in range(n)
        ]
        sampling = SamplingParams(temperature, module.sampling.max_completion_length)

        def answer(part: Sequence[RolloutRequest]) -> list[Rollout]:
            return module.worker.roll_out(module.policy, part, sampling, phase, title)

        rollouts = share(requests, answer)
        return [tuple(rollouts[start : start + n]) for start in range(0, len(rollouts), n)]

    def _context(self, spent: Usage) -> ReflectionContext:
        """What the reflector may use of the run, given what reflection has spent so far."""
        module, before = self.module, self.module.initial_policy
        copies = module.engine.dtype is not None and self.settings.reflector.own_engine is None
        initial = before.for_engine if copies else before
        return ReflectionContext(module.engine, module.renderer, module.policy, initial, spent)
