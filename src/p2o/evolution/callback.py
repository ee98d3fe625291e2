"""The outer loop: at the end of each epoch, mines the hard set and evolves templates on it."""

import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.processes import gather, share
from p2o.endpoints.usage import Usage
from p2o.engines.base import SamplingParams
from p2o.errors import InputError
from p2o.evolution.checks import LeakGuard, WindowCheck
from p2o.evolution.ledger import Ledger
from p2o.evolution.reflection import Check, Reflection
from p2o.evolution.result import EvolutionResult
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import ParentSelector
from p2o.evolution.settings import EvolutionSettings, Level, evolution_sizes
from p2o.evolution.stopping import stop_at_evolution
from p2o.evolution.summary import console_summary, metrics
from p2o.evolution.trials import Graded
from p2o.mixture.data_module import mixture_of
from p2o.policy.module import PolicyModule
from p2o.prompts.templates import TemplateBank
from p2o.reflectors.base import ReflectionContext, ReflectionFailed, Reflector
from p2o.reflectors.feedback import to_example
from p2o.rollouts import RolloutRequest
from p2o.seeds import derive_seed
from p2o.types import Question, Rollout


class TemplateEvolution(Callback):
    """Evolves the template bank of the next epoch (GEPA); without it, or with a budget of 0, p2o is plain GRPO.

    Args:
        reflector: Proposes templates.
        selector: Chooses parents (paper: DominanceSelector, its Algorithm 4).
        budget: Rollouts of one evolution at most, never overshot: a number, or a level of `auto_budget` for this dev
            size and these completions (paper: heavy_4, 11,040 at 300 dev questions). 0 switches evolution off.
        dev_size: Dev questions at most; half of the hard set if that is fewer (paper: 300).
        width: W, parents of an iteration at most (paper: 16).
        mini_batch_size: B, train questions on which a child is compared with its parent (paper: 3).
        proposals: Templates that are proposed for each parent of an iteration at most.
        completions: Completions of a question each time a template is evaluated (paper's code: 1).
        temperature: Of these completions (paper's code: 0, greedy).
        min_hard_set: With fewer hard questions there is no evolution, and the next epoch is bare (paper's code: 100).
        carry_over: Start from the templates of the last bank as well as from the empty one (paper: no).
        show_answer: Whether the reflector is shown the gold answers (paper: yes).
        leak_guard: Templates that hold the text or the answer of a question are refused: of the dev and validation
            questions (`held_back`), of the training questions as well (`all`), or of none.
        on_failure: If reflection cannot go on (a wrong key, a dead endpoint, a limit reached): `stop` the run, with a
            checkpoint that resumes at this evolution, or `continue` with the old bank.
        seed: Seeds splits and draws, together with the epoch.
    """

    def __init__(
        self,
        reflector: Reflector,
        selector: ParentSelector,
        budget: int | Level = "heavy_4",
        dev_size: int = 300,
        width: int = 16,
        mini_batch_size: int = 3,
        proposals: int = 1,
        completions: int = 1,
        temperature: float = 0.0,
        min_hard_set: int = 100,
        carry_over: bool = False,
        show_answer: bool = True,
        leak_guard: Literal["held_back", "all", "none"] = "held_back",
        on_failure: Literal["stop", "continue"] = "stop",
        seed: int = 0,
    ) -> None:
        if min(dev_size, min_hard_set) < 1:
            raise InputError(
                f"evolution.dev_size and evolution.min_hard_set must be at least 1, got {dev_size} and {min_hard_set}."
            )
        if temperature < 0:
            raise InputError(f"evolution.temperature must be at least 0 (0 is greedy), got {temperature}.")
        self.settings = partial(
            EvolutionSettings,
            width=width,
            mini_batch_size=mini_batch_size,
            proposals=proposals,
            completions=completions,
        )
        # Refuses impossible sizes now, not after an epoch.
        self.settings(budget=budget if isinstance(budget, int) else 0)
        self.reflector = reflector
        self.selector = selector
        self.budget = budget
        self.dev_size = dev_size
        self.completions = completions
        self.temperature = temperature
        self.min_hard_set = min_hard_set
        self.carry_over = carry_over
        self.show_answer = show_answer
        self.leak_guard = leak_guard
        self.on_failure = on_failure
        self.seed = seed
        self.pending = False  # the run ended after an epoch whose evolution nobody needed yet, or that failed
        self.unfinished: dict[str, Any] = {}  # how far the pending evolution came
        self.failure = ""  # why it failed
        self.ledger = Ledger()
        self.reports: list[dict[str, Any]] = []  # one for each evolution, plain types
        self.finished: EvolutionResult | None = None  # the evolution of this epoch

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuses what would wait for ever, before training.

        Raises:
            InputError: The reflector asks the engine on one process, and the engine needs more.
        """
        assert isinstance(pl_module, PolicyModule)
        if stage == "fit" and self.budget != 0 and self.reflector.samples and pl_module.engine.processes > 1:
            raise InputError(
                f"evolution.reflector: {self.reflector.name} samples on the first process alone, and "
                f"{pl_module.engine.processes} processes hold the engine's model together (engine.tensor_parallel_size)"
                ". Take TeacherReflector, or a tensor_parallel_size of 1."
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A run that is resumed first makes up for the evolution that it left out, or that failed."""
        if self.pending:
            self._evolve(trainer, pl_module, trainer.current_epoch - 1)
            self._stop_if_failed(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Where a failed run ends if `min_epochs` lets it go on."""
        self._stop_if_failed(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Where a failed run ends."""
        self._stop_if_failed(trainer)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Mines."""
        mixture_of(trainer).hard_set.observe(outputs["rollouts"])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs before ModelCheckpoint, so that the checkpoint holds the new bank."""
        hard_set = mixture_of(trainer).hard_set
        hard_set.join()
        hard_set.close()
        if trainer.current_epoch + 1 == trainer.max_epochs:
            self.pending = True
        else:
            self._evolve(trainer, pl_module, trainer.current_epoch)

    def _evolve(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        """Every process runs the same search, and so has the same bank, or the same reason why there is no new one."""
        assert isinstance(pl_module, PolicyModule)
        data = mixture_of(trainer)
        hard = data.hard_questions()
        bank, failure = TemplateBank(), ""
        self.finished = None
        if self.budget != 0 and len(hard) >= self.min_hard_set:
            bank, failure = self._run_search(trainer, pl_module, hard, epoch)
        if failure and self.on_failure == "stop":
            self.pending, self.failure, trainer.should_stop = True, failure, True
            return
        data.adopt(bank)
        self.pending, self.unfinished = False, {}

    def _run_search(
        self, trainer: Trainer, module: PolicyModule, hard: list[Question], epoch: int
    ) -> tuple[TemplateBank, str]:
        """The new bank, or the old one and the reason why there is no new one."""
        data = mixture_of(trainer)
        guarded = {"all": data.train_questions}.get(self.leak_guard, [])
        search = self.search(module, hard, epoch, data.bank, [*guarded, *data.validation_questions])
        reflection = search.reflect
        assert isinstance(reflection, Reflection)
        if self.unfinished:
            search.load_state_dict(self.unfinished["search"])
            reflection.load_state_dict(self.unfinished["answers"])
        started = time.monotonic()
        tokens, replies = module.counts.tokens["evolution"], self.ledger.total.completion_tokens
        bank, failure = data.bank, ""
        try:
            search.run()
            bank = search.bank
        except ReflectionFailed as failed:
            failure = str(failed)
            self.unfinished = {"search": search.state_dict(), "answers": reflection.state_dict()}
        everyones = gather((time.monotonic() - started, module.counts.tokens["evolution"] - tokens))
        spent = {
            "evolution": sum(tokens for _, tokens in everyones),
            "reflection": self.ledger.total.completion_tokens - replies,
        }
        if trainer.is_global_zero:  # counts are summed over processes, and each of them has the whole ledger
            module.counts.tokens["reflection"] += spent["reflection"]
        seconds = max(seconds for seconds, _ in everyones)
        self.finished = EvolutionResult.of(search, epoch, seconds, spent, self.ledger.of(epoch), failure)
        report = self.finished.report() | {"bank": len(bank)}
        rank_zero_info("\n".join(console_summary(report)))
        for logger in trainer.loggers:
            logger.log_metrics(metrics(report), trainer.global_step)
        if not failure or self.on_failure == "continue":
            self.reports.append(report)
        return bank, failure

    def _stop_if_failed(self, trainer: Trainer) -> None:
        if self.failure:
            stop_at_evolution(trainer, self.failure)

    def search(
        self,
        module: PolicyModule,
        hard: list[Question],
        epoch: int,
        last_bank: TemplateBank,
        guarded: Sequence[Question] = (),
    ) -> EvolutionSearch:
        """The search on these hard questions, not yet run; templates must not give away the `guarded` ones."""
        shuffled = list(hard)
        random.Random(derive_seed(self.seed, "split", epoch)).shuffle(shuffled)
        dev_size, budget = evolution_sizes(len(hard), self.dev_size, self.budget, self.completions)
        dev = shuffled[:dev_size]
        checks: list[Check] = [
            WindowCheck(module.renderer, hard, module.max_templated_prompt_length),
            LeakGuard([] if self.leak_guard == "none" else [*guarded, *dev]),
        ]
        carried = [template.text for template in last_bank.templates] if self.carry_over else []
        return EvolutionSearch(
            train=shuffled[dev_size:],
            dev=dev,
            settings=self.settings(budget=budget),
            evaluate=partial(self._evaluate, module, epoch),
            reflect=Reflection(self.reflector, partial(_context, module), checks, self.ledger, epoch),
            to_example=partial(to_example, instruction=module.instruction, show_answer=self.show_answer),
            selector=self.selector,
            seed=derive_seed(self.seed, "evolution", epoch),
            seed_templates=["", *carried],
        )

    def _evaluate(
        self, module: PolicyModule, epoch: int, pairs: Sequence[tuple[Question, str]], title: str
    ) -> list[Graded]:
        """n completions for each pair, all in one engine call on each process, which has a share of them.

        Who samples a completion does not matter: its seed is its own.
        """
        n = self.completions
        requests = [
            RolloutRequest(question, template, derive_seed(self.seed, "evaluate", epoch, question.id, template, k))
            for question, template in pairs
            for k in range(n)
        ]
        sampling = SamplingParams(self.temperature, module.sampling.max_completion_length)

        def answer(part: Sequence[RolloutRequest]) -> list[Rollout]:
            return module.worker.roll_out(module.policy, part, sampling, "evolution", title)

        rollouts = share(requests, answer)
        return [tuple(rollouts[start : start + n]) for start in range(0, len(rollouts), n)]

    def state_dict(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "pending": self.pending,
            "unfinished": self.unfinished,
            "ledger": self.ledger.state_dict(),
            "reports": self.reports,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` described."""
        self.pending = state_dict["pending"]
        self.unfinished = state_dict["unfinished"]
        self.ledger.load_state_dict(state_dict["ledger"])
        self.reports = list(state_dict["reports"])


def _context(module: PolicyModule, spent: Usage) -> ReflectionContext:
    """What a reflector may use of a run."""
    return ReflectionContext(module.engine, module.renderer, module.policy, module.initial_policy, spent)
