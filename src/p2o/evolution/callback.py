"""The outer loop: at the end of each epoch, mines the hard set and evolves templates on it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from lightning import Callback, LightningModule, Trainer

from p2o.errors import InputError
from p2o.evolution.phase import EvolutionPhase, PhaseSettings
from p2o.evolution.proposals.ledger import Ledger
from p2o.evolution.result import EvolutionResult
from p2o.evolution.stopping import (
    begin_within,
    begun,
    check_parts,
    check_reflection,
    is_last_epoch,
    keeper,
    kept_parts,
    stop_at_evolution,
    take_over_parts,
)
from p2o.evolution.summary import log_report
from p2o.mixture.data_module import mixture_of
from p2o.mixture.selection import HardQuestions, QuestionSelection
from p2o.policy.checkpoints.callback import checkpoint_of
from p2o.policy.module import PolicyModule
from p2o.prompts.templates import TemplateBank


@dataclass(eq=False)
class TemplateEvolution(PhaseSettings, Callback):
    """Evolves the template bank of the next epoch (GEPA); without it, or with a budget of 0, p2o is plain GRPO.

    Args:
        reflector: Proposes templates.
        selector: Chooses parents (paper: DominanceSelector, its Algorithm 4).
        budget: Rollouts of one evolution at most: a number, or a level of `auto_budget` for these sizes (paper:
            heavy_4, 11,040 at 300 dev questions). 0 switches evolution off.
        dev_size: Dev questions at most; half of the hard set if that is fewer (paper: 300).
        width: W, parents of an iteration at most (paper: 16).
        mini_batch_size: B, train questions on which a child is compared with its parent (paper: 3).
        proposals: Templates that are proposed for each parent of an iteration at most.
        min_parents: Parents of an iteration at least; a smaller front is tried again on other mini-batches (paper: 1).
        completions: Completions of a question whenever a template is evaluated (paper's code: 1).
        temperature: Of these completions (paper's code: 0, greedy).
        gate: Decides which children are scored on dev questions (paper: StrictImprovement).
        compare_on: Train questions of mini-batches: all `hard` ones (paper), or those `unsolved` by every rollout.
        screen_size: Score children on so many of the dev questions, a sixth of them say, and ask the others at the end
            as far as they are unsolved: the same cover for half of the rollouts. null: on all of them (paper).
        cover_share: Share of the budget for these other dev questions; 0.5 with a screen (paper: 0).
        credit: What a template covers: dev questions of whose completions it gets more than half right (`majority`,
            paper), or all that it gets right at times, by their share (`share`).
        reuse: Ask and pay for a pair of question and template once (paper: no).
        confirm: Draw dev questions that one template alone solves again, at the temperature of training, to `report`
            lucky hits or to `drop` them from what is covered. Sets one dev evaluation of the budget aside.
        crossover: Chance that a proposal unites two templates which solve different dev questions (paper: 0).
        mined_seed: Score the empty template by the epoch's own rollouts, which are there already (paper: no).
        min_hard_set: With fewer hard questions there is no evolution, and the next epoch is bare (paper's code: 100).
        learn_from: The questions that evolution sees (paper: HardQuestions; Fast-Slow Training: AskedQuestions).
        carry_over: Start from the last bank as well as from the empty template (paper: no).
        show_answer: Whether the reflector is shown the gold answers (paper: yes).
        leak_guard: Rejects templates with the text or answer of a dev or validation question (`held_back`), or `all`.
        on_failure: If reflection cannot go on: `stop`, to resume at this evolution, or `continue` with the old bank.
        seed: Seeds splits and draws, together with the epoch.
    """

    min_hard_set: int = 100
    learn_from: QuestionSelection = field(default_factory=HardQuestions)
    on_failure: Literal["stop", "continue"] = "stop"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_hard_set < 1:
            raise InputError(f"evolution.min_hard_set must be at least 1, got {self.min_hard_set}.")
        self.pending = False  # it ended after an epoch whose evolution nobody needed yet, or that failed
        self.unfinished: dict[str, Any] = {}  # how far the pending evolution came
        self.failure = ""  # why it failed
        self.ledger = Ledger()
        self.reports: list[dict[str, Any]] = []  # one for each evolution, plain types
        self.finished: EvolutionResult | None = None  # the evolution of this epoch

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuses, before training, parts that would have nothing to do, or would wait for other processes for ever."""
        if stage == "fit":
            self.failure = ""  # that of an earlier run of this object
            check_parts(self, trainer, pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuses, before training, a reflector that does not fit the policy, or whom nobody would answer."""
        if self.budget != 0:
            check_reflection(self, trainer, pl_module)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs the postponed evolution first if a resumed run left it out or saw it fail."""
        if self.pending:
            begin_within(trainer, pl_module)
            self._evolve(trainer, pl_module, trainer.current_epoch - 1)
            self._stop_if_failed(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends a run whose evolution failed, even if `min_epochs` would let it go on."""
        self._stop_if_failed(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends a run whose evolution failed after its last epoch."""
        self._stop_if_failed(trainer)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Counts the correct rollouts of each question, from which the hard set is made."""
        mixture_of(trainer).observe(outputs["groups"], outputs["gaps"])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the hard set and evolves on it: before ModelCheckpoint, so that the checkpoint holds the new bank."""
        if (checkpoint := checkpoint_of(trainer)) is not None:
            checkpoint.before_evolution(trainer, due=self.budget != 0)
        mixture_of(trainer).close_epoch()
        if is_last_epoch(trainer):
            self.pending = True
        else:
            self._evolve(trainer, pl_module, trainer.current_epoch)

    def _evolve(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        """Every process runs the same search, and so has the same bank, or the same reason why there is no new one."""
        assert isinstance(pl_module, PolicyModule)
        data = mixture_of(trainer)
        bank, failure, self.finished = TemplateBank(), "", None
        state = begun(self, trainer, tau := data.hard_set.tau) if self.budget != 0 else {}
        if self.budget != 0 and len(hard := data.selected(self.learn_from)) >= self.min_hard_set:
            asked = [*data.train_questions, *data.validation_questions]
            mined = data.hard_set.shares()
            guarded = asked if self.leak_guard == "all" else data.validation_questions
            phase = EvolutionPhase(self, pl_module, hard, epoch, data.bank, guarded, self.ledger, mined, asked, tau)
            if state:
                phase.load_state_dict(state)
            self.finished = self._run(phase, trainer)
            bank = data.bank if (failure := self.finished.failure) else self.finished.bank
        if failure and self.on_failure == "stop":
            self.pending, self.failure, trainer.should_stop = True, failure, True
            return
        data.adopt(bank)
        self.pending, self.unfinished, self.failure = False, {}, ""

    def _run(self, phase: EvolutionPhase, trainer: Trainer) -> EvolutionResult:
        """Runs a phase, and logs what came of it."""
        with trainer.precision_plugin.forward_context():  # Lightning enters it for steps alone, not for callbacks
            result = phase.run(keeper(self, trainer))
        if result.failure:
            self.unfinished = phase.state_dict()
        if trainer.is_global_zero:  # counts are summed over processes, and each of them has the whole ledger
            phase.module.counts.tokens["reflection"] = self.ledger.total.completion_tokens
        report = result.report()
        log_report(report, trainer)
        if not result.failure or self.on_failure == "continue":
            self.reports.append(report)
        return result

    def _stop_if_failed(self, trainer: Trainer) -> None:
        if self.failure:
            stop_at_evolution(trainer, self.failure)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on with, in plain types."""
        state = {"pending": self.pending, "unfinished": self.unfinished, "ledger": self.ledger.state_dict()}
        return {**state, "reports": self.reports, **kept_parts(self)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` of the run that is resumed described."""
        self.pending, self.unfinished = state_dict["pending"], state_dict["unfinished"]
        self.ledger.load_state_dict(state_dict["ledger"])
        self.reports = list(state_dict["reports"])
        take_over_parts(self, state_dict)
