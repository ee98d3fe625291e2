"""The policy module: rollouts, rewards, advantages and updates of a language-model policy."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
from lightning import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from p2o.distributed.processes import gather
from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.errors import InputError
from p2o.logprobs import recompute_activations
from p2o.mixture.data_module import mixture_of
from p2o.objective.advantages import Advantage
from p2o.objective.aggregation import Aggregation, TokenMean
from p2o.objective.context_estimators import ContextEstimator
from p2o.objective.engine_correction import EngineCorrection, NoCorrection
from p2o.objective.exploration import ExplorationBonus, NoBonus, final_answer
from p2o.objective.losses import PolicyLoss
from p2o.objective.objective import Objective
from p2o.objective.regularizers import Regularizer
from p2o.objective.rows import TrainingSample
from p2o.policy.checkpoints import check_weights, load_part
from p2o.policy.loading import load_policy, load_renderer, load_window
from p2o.policy.metrics import context_accuracies, rollout_metrics, validation_metric
from p2o.policy.preflight import check_lengths, check_monitors, check_prompts, check_questions, warn_of_golds
from p2o.policy.update import OptimizerSteps
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.rollouts import AllGroups, Group, Sampler
from p2o.rollouts.groups import group_rollouts, prompt_numbers
from p2o.seeds import derive_seed
from p2o.types import Completion, MixtureItem, Prompt, Question, Rollout

T = TypeVar("T")
RolloutRequest = tuple[Question, str, int]  # a question, a template, and the seed of one completion


class PolicyModule(LightningModule):
    """A causal language model trained by GRPO with context distillation.

    Args:
        model: The policy: a folder, a name on the Hugging Face hub, or "p2o/micro-policy" (comes with p2o).
        engine: Samples the rollouts.
        reward: Grades them.
        advantage: Compares the rollouts of a question.
        exploration: Added to the advantages, by final answers.
        sampler: Decides which groups of rollouts a step learns from.
        context: What the gradient under the bare prompt makes of completions sampled under a template.
        loss: The loss of one token.
        aggregation: How the tokens of a mini-batch are averaged.
        regularizers: Terms added to the loss of each token, such as a KL to the policy before training.
        correction: Weighs tokens against the engine's own log-probabilities.
        temperature: Of training rollouts, and of the log-probabilities of the loss (paper: 0.6).
        max_prompt_length: Tokens of a bare prompt at most (paper: 4096); longer questions are refused before training.
        max_completion_length: Tokens of a completion at most, eos included (paper: 12288).
        mini_batch_size: Questions per optimizer step and process (paper: 64 of 128, two steps per rollout batch).
        micro_batch_tokens: Tokens per forward and backward pass at most; a prompt that several completions share counts
            once, and a longer row is passed alone. Does not change the result.
        gradient_checkpointing: Compute a layer's activations again in the backward pass instead of keeping them: less
            memory, more time, the same result.
        lr: Learning rate of AdamW after warm-up (paper: 1e-6).
        betas: Of AdamW.
        weight_decay: Of AdamW.
        warmup_steps: Optimizer steps of linear warm-up.
        max_grad_norm: Gradients are clipped to this norm (paper: 1).
        instruction: Put before each question, as it stands.
        chat_template_kwargs: Switches of the chat template, such as `enable_thinking: false`.
        seed: Seeds each completion, together with epoch, question and number.
    """

    policy: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    renderer: PromptRenderer
    max_templated_prompt_length: int  # tokens of T(x, z) at most

    def __init__(
        self,
        model: str,
        engine: RolloutEngine,
        reward: Reward,
        advantage: Advantage,
        context: ContextEstimator,
        loss: PolicyLoss,
        exploration: ExplorationBonus = NoBonus(),
        sampler: Sampler = AllGroups(),
        aggregation: Aggregation = TokenMean(),
        regularizers: Sequence[Regularizer] = (),
        correction: EngineCorrection = NoCorrection(),
        temperature: float = 0.6,
        max_prompt_length: int = 4096,
        max_completion_length: int = 12288,
        mini_batch_size: int = 64,
        micro_batch_tokens: int = 16384,
        gradient_checkpointing: bool = False,
        lr: float = 1e-6,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.01,
        warmup_steps: int = 20,
        max_grad_norm: float = 1.0,
        instruction: str = "Let's think step by step and output the final answer within \\boxed{}.\nQuestion: ",
        chat_template_kwargs: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise InputError(f"model.temperature must be above 0, got {temperature}: equal rollouts teach nothing.")
        if min(mini_batch_size, micro_batch_tokens) < 1:
            raise InputError(
                "model.mini_batch_size and model.micro_batch_tokens must be at least 1, got "
                f"{mini_batch_size} and {micro_batch_tokens}."
            )
        if min(max_prompt_length, max_completion_length) < 1 or warmup_steps < 0:
            raise InputError(
                "model needs max_prompt_length and max_completion_length >= 1 and warmup_steps >= 0, got "
                f"{max_prompt_length}, {max_completion_length} and {warmup_steps}."
            )
        if lr <= 0 or weight_decay < 0 or max_grad_norm <= 0 or not all(0 <= beta < 1 for beta in betas):
            raise InputError(
                "model needs lr > 0, weight_decay >= 0, max_grad_norm > 0 and betas from 0 to below 1, got "
                f"{lr}, {weight_decay}, {max_grad_norm} and {betas}."
            )
        self.automatic_optimization = False  # several optimizer steps per rollout batch
        self.model = model
        self.engine = engine
        self.reward = reward
        self.advantage = advantage
        self.exploration = exploration
        self.sampler = sampler
        objective = Objective(
            context,
            loss,
            temperature,
            aggregation,
            regularizers,
            correction,
            reference=self.initial_policy,
            exact_engine=engine.exact_logps,
        )
        self.optimizer_steps = OptimizerSteps(objective, mini_batch_size, micro_batch_tokens, max_grad_norm)
        self.sampling = SamplingParams(temperature, max_completion_length)
        self.max_prompt_length = max_prompt_length
        self.mini_batch_size = mini_batch_size
        self.micro_batch_tokens = micro_batch_tokens
        self.gradient_checkpointing = gradient_checkpointing
        self.lr = lr
        self.betas = betas
        self.weight_decay = weight_decay
        self.warmup_steps = warmup_steps
        self.instruction = instruction
        self.chat_template_kwargs = chat_template_kwargs
        self.seed = seed
        # By this process; the first one also counts what the checkpoint of a resumed run tells of all of them.
        self.rollouts = {
            "train": 0,
            "evolution": 0,
            "validation": 0,
            "fixed_questions": 0,
        }  # completions sampled so far
        self.tokens = {**self.rollouts, "reflection": 0}  # of completions and replies
        self._initial: list[PreTrainedModel] = []  # in a list: a submodule would land in every checkpoint
        self._loaded = False

    # ---- the algorithm

    def training_step(self, samples: list[MixtureItem], batch_idx: int) -> dict[str, Any]:
        """One rollout batch: T(x, z) -> y -> r -> A -> θ. What it returns is observed by callbacks."""
        drawn = self.sampler(samples, self)
        self.update(drawn.groups, self.advantages(drawn.groups))
        groups = [*drawn.groups, *drawn.left_out]
        self._log_rollouts(groups)
        for answers in self.gather([final_answer(rollout) for group in groups for rollout in group]):
            self.exploration.observe(answers)
        return {"rollouts": [rollout for group in groups for rollout in group], "groups": groups}

    def advantages(self, groups: Sequence[Group]) -> Tensor:
        """How much better than its group each rollout is, exploration included [G, K]."""
        rewards = torch.tensor([[rollout.reward for rollout in group] for group in groups])  # [G, K]
        bonuses = self.exploration([[final_answer(rollout) for rollout in group] for group in groups])  # [G, K]
        return self.advantage(rewards, prompt_numbers(groups)) + bonuses

    def rollout(self, samples: Sequence[MixtureItem], turn: int = 0) -> list[Group]:
        """K rollouts of each question, each under its own template; another turn of a step has other seeds."""
        names = ("step", self.global_step, "turn", turn) if turn else ()
        asks = [
            (sample.question, z, derive_seed(self.seed, "rollout", self.current_epoch, sample.question.id, k, *names))
            for sample in samples
            for k, z in enumerate(sample.templates)
        ]
        return group_rollouts(self.answer(asks, self.sampling, "train"), samples)

    def extra_questions(self, samples: Sequence[MixtureItem]) -> Iterator[MixtureItem]:
        """The epoch's other questions, each once, in an order that is this step's and this process's own."""
        asked = {sample.question.id for sample in samples}
        mixture = mixture_of(self.trainer).mixture(self.current_epoch, "further", self.global_step, self.global_rank)
        return (sample for sample in mixture if sample.question.id not in asked)

    def answer(
        self, asks: Sequence[RolloutRequest], sampling: SamplingParams, phase: str, title: str = "rollouts"
    ) -> list[Rollout]:
        """Graded completions: the one path of training, validation and evolution, in one engine call.

        Args:
            asks: Question, template and seed of each completion.
            sampling: Temperature and length.
            phase: "train", "evolution", "validation" or "fixed_questions": what the completions are counted as.
            title: Of the progress bar.
        """
        prompts = [Prompt(self.renderer.question(question.text, template), seed) for question, template, seed in asks]
        completions = self.engine.generate(self.policy, prompts, sampling, title)
        self.count(phase, completions)
        return self._graded(asks, prompts, completions)

    def grade_teacher_completions(
        self, samples: Sequence[MixtureItem], completions: Sequence[Completion]
    ) -> list[Group]:
        """Completions that somebody else wrote, K for each sample, graded and with the bare prompt before them."""
        asks = [(sample.question, "", 0) for sample in samples for _ in sample.templates]
        prompts = [Prompt(self.renderer.question(question.text)) for question, _, _ in asks]
        return group_rollouts(self._graded(asks, prompts, completions), samples)

    def count(self, phase: str, completions: Sequence[Completion]) -> None:
        """Counts completions as sampled in a phase."""
        self.rollouts[phase] = self.rollouts.get(phase, 0) + len(completions)
        self.tokens[phase] = self.tokens.get(phase, 0) + sum(len(completion.ids) for completion in completions)

    def gather(self, value: T) -> list[T]:
        """The values of all processes; every process calls it equally often."""
        return gather(value)

    def _graded(
        self, asks: Sequence[RolloutRequest], prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[Rollout]:
        texts = [self.renderer.decode(completion.ids) for completion in completions]
        answered = [
            GradingInput(question, text, completion.truncated, len(completion.ids))
            for (question, _, _), text, completion in zip(asks, texts, completions, strict=True)
        ]
        return [
            Rollout(question, template, prompt.ids, completion, text, grade)
            for (question, template, _), prompt, completion, text, grade in zip(
                asks, prompts, completions, texts, grade_checked(self.reward, answered), strict=True
            )
        ]

    def update(self, groups: Sequence[Group], advantages: Tensor) -> None:
        """One optimizer step for each mini-batch of questions.

        Args:
            groups: G groups of K rollouts.
            advantages: [G, K].
        """
        rows = [
            [self._row(rollout, advantage) for rollout, advantage in zip(group, line, strict=True)]
            for group, line in zip(groups, advantages.tolist(), strict=True)
        ]
        self.optimizer_steps(self, self.policy, rows)

    def _row(self, rollout: Rollout, advantage: float) -> TrainingSample:
        bare = self.renderer.question(rollout.question.text) if rollout.template else rollout.prompt_ids
        completion = rollout.completion
        return TrainingSample(
            bare, rollout.prompt_ids, completion.ids, advantage, completion.logps or (), truncated=completion.truncated
        )

    def _log_rollouts(self, groups: Sequence[Sequence[Rollout]]) -> None:
        self.log_dict(rollout_metrics(groups), batch_size=len(groups), on_step=True, on_epoch=True, sync_dist=True)
        for context, (accuracy, count) in context_accuracies([r for group in groups for r in group]).items():
            self.log(f"train/accuracy_{context}", accuracy, batch_size=count, on_step=False, on_epoch=True)

    # ---- evaluation

    def validation_step(self, questions: list[Question], batch_idx: int) -> dict[str, dict[str, list[Rollout]]]:
        """Greedy accuracy by difficulty, with the bare prompt and under the best template so far."""
        best = mixture_of(self.trainer).best_template
        contexts = {"bare": ""} | ({"templated": best.text} if best else {})
        asks = [(question, template, 0) for template in contexts.values() for question in questions]
        rollouts = self.answer(asks, SamplingParams(0.0, self.sampling.max_completion_length), "validation")
        parts = {context: [r for r in rollouts if r.template == template] for context, template in contexts.items()}
        for context, part in parts.items():
            for difficulty in dict.fromkeys(question.difficulty for question in questions):
                correct = [rollout.correct for rollout in part if rollout.question.difficulty == difficulty]
                accuracy = sum(correct) / len(correct)
                name = validation_metric(context, difficulty)
                self.log(name, accuracy, batch_size=len(correct), sync_dist=True)
        return {"rollouts": parts}  # ValidationLog and CompletionLog observe them

    def test_step(self, questions: list[Question], batch_idx: int, dataloader_idx: int = 0) -> dict[str, list[Group]]:
        """Completions of benchmark questions, bare or under the best template, for EvaluationReport."""
        template = mixture_of(self.trainer).template_of_test()
        benchmark = mixture_of(self.trainer).test_benchmarks[dataloader_idx]
        samples = [MixtureItem(question, (template,) * benchmark.samples) for question in questions]
        asks = [
            (question, template, derive_seed(self.seed, "test", benchmark.name, question.id, k))
            for question in questions
            for k in range(benchmark.samples)
        ]
        sampling = SamplingParams(benchmark.temperature, self.sampling.max_completion_length)
        rollouts = self.answer(asks, sampling, "validation", benchmark.name)
        return {"groups": group_rollouts(rollouts, samples)}

    # ---- set-up

    def setup(self, stage: str) -> None:
        """Loads the tokenizer and refuses what is known to fail, before any weight is loaded."""
        self.renderer = load_renderer(self.model, self.instruction, self.chat_template_kwargs)
        self.tokenizer = self.renderer.tokenizer
        window = load_window(self.model)
        check_lengths(self.max_prompt_length, self.sampling.max_completion_length, window)
        self.max_templated_prompt_length = window - self.sampling.max_completion_length
        data = mixture_of(self.trainer)
        if stage == "test":
            questions = [question for benchmark in data.test_benchmarks for question in benchmark.questions]
            check_prompts(questions, self.renderer, self.max_prompt_length)
            warn_of_golds(questions, self.reward)
        else:
            questions = [*data.train_questions, *data.validation_questions]
            check_questions(questions, self.renderer, self.reward, self.max_prompt_length)
            check_monitors(self.trainer.callbacks, data.validation_questions)  # type: ignore[attr-defined]

    def configure_model(self) -> None:
        """Loads the policy; Lightning may ask more than once."""
        if not self._loaded:
            self.policy = load_policy(self.model).train()  # from_pretrained leaves dropout off
            if self.gradient_checkpointing:
                recompute_activations(self.policy)
            self._loaded = True

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW in one pass, with a linear warm-up; the first step already has a learning rate above 0."""
        optimizer = torch.optim.AdamW(
            self.policy.parameters(), lr=self.lr, betas=self.betas, weight_decay=self.weight_decay, fused=True
        )
        warmup = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / max(1, self.warmup_steps)))
        return {"optimizer": optimizer, "lr_scheduler": warmup}

    def initial_policy(self) -> PreTrainedModel:
        """The policy before training, loaded when first asked for and kept out of checkpoints."""
        if not self._initial:
            self._initial.append(load_policy(self.model).to(self.device))
        return self._initial[0]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what `p2o export` and the summary need, in plain types."""
        checkpoint["p2o"] = {
            "model": self.model,
            "config": self.policy.config.to_dict(),
            "sampler": self.sampler.state_dict(),
            "exploration": self.exploration.state_dict(),
            "rollouts": summed(self.gather(self.rollouts)),
            "tokens": summed(self.gather(self.tokens)),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes over counts and states.

        Raises:
            InputError: The checkpoint holds another model, or the state of another part.
        """
        check_weights(checkpoint, self.model, self.state_dict())
        if self.trainer.is_global_zero:  # they are those of all processes: one goes on counting from there
            self.rollouts = dict(checkpoint["p2o"]["rollouts"])
            self.tokens = dict(checkpoint["p2o"]["tokens"])
        if self.trainer.state.fn is TrainerFn.FITTING:  # to evaluate a checkpoint takes its weights alone
            load_part("model.sampler", self.sampler, checkpoint["p2o"]["sampler"])
            load_part("model.exploration", self.exploration, checkpoint["p2o"]["exploration"])


def summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Counts by phase, over processes."""
    return {phase: sum(count[phase] for count in counts) for phase in counts[0]}
