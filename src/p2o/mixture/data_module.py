"""The dynamic mixture: which templates each question carries this epoch."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from lightning import LightningDataModule, Trainer

from p2o.errors import InputError
from p2o.mixture.assignment import AssignmentRule, ByScore, assign, weights_checked
from p2o.mixture.bare_rollouts import BareRollouts, bare_rollouts_of
from p2o.mixture.epoch_draw import EpochDraw, PassAfterPass, draw_checked
from p2o.mixture.epoch_items import EpochItems, EpochLoader, in_order
from p2o.mixture.hard_set import HardSet
from p2o.mixture.overlap import warn_of_overlap
from p2o.mixture.selection import HardQuestions, QuestionSelection
from p2o.mixture.state import best_text, mixture_state, restore_mixture
from p2o.mixture.template_use import TemplateUse
from p2o.mixture.validation import check_epoch, check_ids, check_sizes
from p2o.prompts.templates import Template, TemplateBank
from p2o.questions import HeldOut, QuestionSource
from p2o.questions.benchmarks import Benchmark, benchmark_of, limited, load_benchmark
from p2o.seeds import derive_seed
from p2o.types import MixtureItem, Question, Rollout


class MixtureDataModule(LightningDataModule):
    """Rebuilds the mixture of bare and templated questions each epoch, and owns the hard set and the template bank.

    Args:
        train: Where the training questions come from.
        validation: Where the validation questions come from; by default some training questions are held out.
        num_generations: K, rollouts of a question (paper: 6).
        tau: τ, a question is hard iff fewer than τ of its K rollouts are correct (paper: 2; its ablation: 1, 2, 4).
        bare_rollouts: How many of the K rollouts of a hard question keep the bare prompt (paper: 0), as a number or a
            schedule (`AnnealedBareRollouts`). They give a group variance when the templated rollouts all succeed, and
            show how far the gain has been internalised. K: templates are for regularizers alone (`ReverseContextKL`).
        assignment: Weighs the templates that a question draws from (paper: `ByScore`).
        carry: Which questions carry templates (paper: `HardQuestions`; Fast-Slow Training: `AllQuestions`).
        same_template_in_group: One template for all rollouts of a question instead of K draws (the paper's ablation).
        questions_per_epoch: Questions of an epoch, after which evolution, validation and checkpoints come: a slice of
            the data, without replacement pass after pass. null: all of them (paper).
        draw: Which questions an epoch asks if it does not ask all.
        batch_size: Questions per rollout batch and process (paper: 128 in all).
        validation_batch_size: Questions per validation or test batch and process.
        benchmarks: What `p2o test` evaluates on: aime24, aime25, amc23, math500, minerva_math, olympiadbench (the
            paper's six), or paths of .jsonl and .parquet files; empty: the validation questions. Sets of fewer than
            100 questions are sampled 16 times at T = 0.6, larger ones are answered greedily (paper).
        benchmark_folder: Where to find the six as `aime24.jsonl` and so on; empty: the Hugging Face hub.
        benchmark_limit: Ask so many questions of each benchmark, from its start; 0: all.
        benchmark_template: Whether `p2o test` asks under the best template of the checkpoint instead of bare: what a
            prompt is worth that is kept at inference time.
        seed: Seeds the order of questions and the draws of templates, together with the epoch.
    """

    def __init__(
        self,
        train: QuestionSource,
        validation: QuestionSource = HeldOut(),
        num_generations: int = 6,
        tau: int = 2,
        bare_rollouts: int | BareRollouts = 0,
        assignment: AssignmentRule = ByScore(),
        carry: QuestionSelection = HardQuestions(),
        same_template_in_group: bool = False,
        questions_per_epoch: int | None = None,
        draw: EpochDraw = PassAfterPass(),
        batch_size: int = 128,
        validation_batch_size: int = 256,
        benchmarks: Sequence[str] = (),
        benchmark_folder: str = "",
        benchmark_limit: int = 0,
        benchmark_template: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(num_generations, tau, bare_rollouts, batch_size, validation_batch_size, benchmark_limit)
        self.bare_rollouts, self.assignment = bare_rollouts_of(bare_rollouts), assignment
        self.train, self.validation = train, validation
        self.num_generations, self.carry = num_generations, carry
        self.same_template_in_group = same_template_in_group
        self.questions_per_epoch, self.draw = questions_per_epoch, draw
        self.batch_size, self.validation_batch_size = batch_size, validation_batch_size
        self.benchmarks, self.benchmark_folder = benchmarks, benchmark_folder
        self.benchmark_limit, self.benchmark_template, self.seed = benchmark_limit, benchmark_template, seed
        self.hard_set, self.template_use = HardSet(tau, num_generations), TemplateUse()
        self.bank = TemplateBank()
        self.best_template: Template | None = None  # of the last bank that had one: a bank may be empty, this lasts
        self.train_questions: list[Question] = []
        self.validation_questions: list[Question] = []
        self.test_benchmarks: Sequence[Benchmark] = ()

    def setup(self, stage: str) -> None:
        """Loads the questions that the stage needs, once."""
        held_out = stage != "test" or not self.benchmarks  # a checkpoint must not have been trained on these
        if held_out and not self.train_questions:
            self.train_questions, self.validation_questions = self.validation.beside(self.train)
            check_ids(train=self.train_questions, validation=self.validation_questions)
            warn_of_overlap(self.train_questions, self.validation_questions)
            check_epoch(self.questions_per_epoch, len(self.train_questions), self.draw.chooses)
        if stage == "test":
            self.test_benchmarks = self.test_benchmarks or self._benchmarks()

    def _benchmarks(self) -> Sequence[Benchmark]:
        if not self.benchmarks:
            return limited([benchmark_of("validation", self.validation_questions)], self.benchmark_limit)
        return limited([load_benchmark(name, self.benchmark_folder) for name in self.benchmarks], self.benchmark_limit)

    def adopt(self, bank: TemplateBank) -> None:
        """Makes `bank` the one that the next epoch draws from."""
        self.bank = bank
        self.best_template = bank.best or self.best_template

    def template_of_test(self) -> str:
        """What `p2o test` puts before each question: nothing, or the best template so far."""
        return best_text(self.best_template) if self.benchmark_template else ""

    def selected(self, select: QuestionSelection) -> list[Question]:
        """The questions that are selected after the last finished epoch, in the order of the data."""
        return [question for question in self.train_questions if select(question, self.hard_set)]

    @property
    def epoch_size(self) -> int:
        """Questions of an epoch."""
        return self.questions_per_epoch or len(self.train_questions)

    def mixture(self, epoch: int, *order: str | int) -> list[MixtureItem]:
        """The items of an epoch, shuffled: a pure function of hard set, bank, seed and epoch.

        `order` names another order of the same items.
        """
        drawn = draw_checked(self.draw, self.train_questions, self.epoch_size, epoch, self.seed, self.hard_set)
        questions = [question for question in self.train_questions if question.id in drawn]
        random.Random(derive_seed(self.seed, "order", epoch, *order)).shuffle(questions)
        return [self.item(question, epoch) for question in questions]

    def item(self, question: Question, epoch: int) -> MixtureItem:
        """A question with the K templates that it carries in an epoch, and those that its bare rollouts are without."""
        bare = ("",) * self.num_generations
        if not self.carry(question, self.hard_set):
            return MixtureItem(question, bare)
        rng = random.Random(derive_seed(self.seed, "assign", epoch, question.id))
        weigh = partial(weights_checked, self.assignment, use=self.template_use)
        drawn = assign(self.bank, question.id, self.num_generations, rng, self.same_template_in_group, weigh)
        templated = max(0, self.num_generations - self.bare_rollouts(epoch))
        return MixtureItem(question, drawn[:templated] + bare[templated:], bare[:templated] + drawn[templated:])

    def observe(self, groups: Sequence[Sequence[Rollout]], gaps: Sequence[float | None]) -> None:
        """Takes down what became of the questions and templates of a rollout batch.

        Args:
            groups: Of its rollouts.
            gaps: Δ of each rollout (`p2o.objective.context_gap`), in order, as far as it was measured.
        """
        self.hard_set.observe(rollout for group in groups for rollout in group)
        if self.assignment.reads_use:
            self.template_use.observe(groups, gaps)

    def close_epoch(self) -> None:
        """Ends the epoch, on all processes together."""
        for seen in (self.hard_set, self.template_use):
            seen.join()
            seen.close()

    def train_dataloader(self) -> EpochLoader:
        """Called anew each epoch; on resume Lightning calls it twice (issue 9502), so it changes nothing."""
        items = EpochItems(self.epoch_size, lambda: self.mixture(self.trainer.current_epoch if self.trainer else 0))
        return in_order(items, self.batch_size, self.trainer)

    def val_dataloader(self) -> EpochLoader:
        """Validation questions in the order of the data."""
        return in_order(self.validation_questions, self.validation_batch_size, None)

    def test_dataloader(self) -> list[EpochLoader]:
        """The questions of each benchmark."""
        n = self.validation_batch_size
        return [in_order(list(benchmark.questions), n, None) for benchmark in self.test_benchmarks]

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:  # noqa: ANN401 (Lightning's signature)
        """Questions are text and stay where they are; Lightning refuses frozen dataclasses otherwise."""
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Hard set, bank, and which data they belong to."""
        return mixture_state(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` described, or refuses a checkpoint of other training questions."""
        restore_mixture(self, state_dict)


def mixture_of(trainer: Trainer) -> MixtureDataModule:
    """The data module of a run."""
    data = trainer.datamodule  # type: ignore[attr-defined]  # set by fit
    if not isinstance(data, MixtureDataModule):
        raise InputError(
            f"p2o trains on a MixtureDataModule, got {type(data).__name__}: Trainer.fit(policy, datamodule=...)."
        )
    return data
