"""The policy module: rollouts, advantages and updates of a language-model policy."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from p2o import objective, rollouts
from p2o.distributed.processes import together
from p2o.distributed.unions import concatenated
from p2o.engines.agreement import agreement
from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.logprobs.adapters import adapter_layers
from p2o.mixture.data_module import mixture_of
from p2o.policy.adapters import Adapters, NoAdapters
from p2o.policy.checkpoints import Stateful, keep_trained, policy_state, restore_policy_state
from p2o.policy.evaluation import EvaluatedPolicy
from p2o.policy.loading import load_renderer, load_window
from p2o.policy.metrics import forget_last_step, log_rollouts
from p2o.policy.non_finite import NonFiniteGuard
from p2o.policy.optimizer import LinearWarmup, check_optimizer, make_optimizer
from p2o.policy.preflight import check_lengths, check_run, check_sizes
from p2o.policy.references import average_policy_of, initial_policy_of
from p2o.policy.sharding import load_placed
from p2o.policy.update import OptimizerSteps
from p2o.rewards.base import Reward
from p2o.rollouts.groups import Group
from p2o.seeds import derive_seed
from p2o.types import MixtureItem


class PolicyModule(EvaluatedPolicy):
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
        micro_batch_tokens: Tokens per pass at most, packed with shared prompts once; changes results by rounding alone.
        gradient_checkpointing: Compute activations again in the backward pass: less memory, more time, the same result.
        optimizer: Made for the policy's parameters, from any class of torch.optim (paper: AdamW, 1e-6, decay 0.01).
        lr_scheduler: Of its learning rate, stepped once an optimizer step (paper: 5 % of the steps warm-up).
        max_grad_norm: Gradients are clipped to this norm (paper: 1).
        step_without_gradient: Whether AdamW steps, by momentum and decay, where no row has a gradient (TRL, verl: yes).
        max_non_finite_steps: Updates in a row that may be lost to a loss or gradient that is not finite.
        instruction: Put before each question, as it stands.
        chat_template_kwargs: Its switches, and p2o's own `system_prompt` and `chat_template` (`plain`: base models).
        adapters: What of the policy is trained: all of it, or low-rank adapters (`LoRA`).
        seed: Seeds each completion, together with epoch, question and number.
    """

    def __init__(
        self,
        model: str,
        engine: RolloutEngine,
        reward: Reward,
        advantage: objective.Advantage,
        context: objective.ContextEstimator,
        loss: objective.PolicyLoss,
        exploration: objective.ExplorationBonus = objective.NoBonus(),
        sampler: rollouts.Sampler = rollouts.AllGroups(),
        aggregation: objective.Aggregation = objective.TokenMean(),
        regularizers: Sequence[objective.Regularizer] = (),
        correction: objective.EngineCorrection = objective.NoCorrection(),
        temperature: float = 0.6,
        max_prompt_length: int = 4096,
        max_completion_length: int = 12288,
        mini_batch_size: int = 64,
        micro_batch_tokens: int = 16384,
        gradient_checkpointing: bool = False,
        optimizer: OptimizerCallable = lambda p: torch.optim.AdamW(p, lr=1e-6, weight_decay=0.01, fused=True),
        lr_scheduler: LRSchedulerCallable = lambda optimizer: LinearWarmup(optimizer, steps=20),
        max_grad_norm: float = 1.0,
        step_without_gradient: bool = False,
        max_non_finite_steps: int = 5,
        instruction: str = "Let's think step by step and output the final answer within \\boxed{}.\nQuestion: ",
        chat_template_kwargs: dict[str, Any] | None = None,
        adapters: Adapters = NoAdapters(),
        seed: int = 0,
    ) -> None:
        super().__init__()
        sizes = (mini_batch_size, micro_batch_tokens, max_grad_norm)
        check_sizes(temperature, max_prompt_length, max_completion_length, *sizes)
        check_optimizer(optimizer, lr_scheduler)
        self.automatic_optimization = False  # several optimizer steps per rollout batch
        self.model, self.adapters, self.gradient_checkpointing = model, adapters, gradient_checkpointing
        self.engine, self.reward, self.instruction = engine, reward, instruction
        self.sampler, self.advantage, self.exploration = sampler, advantage, exploration
        self.optimizer, self.lr_scheduler, self.chat_template_kwargs = optimizer, lr_scheduler, chat_template_kwargs
        longest = self.longest = max_prompt_length + max_completion_length  # tokens of a row
        self.initial_policy = initial_policy_of(self, model, adapters, longest)
        self.average_policy = average_policy_of(self, regularizers)
        parts = (context, loss, temperature, aggregation, regularizers, correction)
        loss_of_rows = objective.Objective(*parts, self.initial_policy, self.average_policy, engine.exact_logps)
        self.update = OptimizerSteps(loss_of_rows, *sizes, NonFiniteGuard(max_non_finite_steps), step_without_gradient)
        self.sampling, self.max_prompt_length = SamplingParams(temperature, max_completion_length), max_prompt_length
        self.counts, self.seed, self._loaded, self._agreed = rollouts.RolloutCounts(), seed, False, False
        self.stateful_parts: dict[str, Stateful] = dict(sampler=sampler, exploration=exploration)
        self.stateful_parts |= dict(non_finite=self.update.guard, average_policy=self.average_policy)

    # ---- the algorithm

    def training_step(self, items: list[MixtureItem], batch_idx: int) -> dict[str, Any]:
        """One rollout batch: T(x, z) -> y -> r -> A -> θ. What it returns is observed by callbacks."""
        sampled = together(lambda: rollouts.sample_checked(self.sampler, items, self.rollout_step(batch_idx)))
        advantages = self.advantages(sampled.train)  # [G, K]
        samples = rollouts.training_samples(sampled.train, advantages, self.renderer)
        gaps = self.update.context_gaps(self.policy, samples) if mixture_of(self.trainer).assignment.reads_gaps else []
        learnt = self.update(self, self.policy, samples)
        groups = [*sampled.train, *sampled.dropped]
        log_rollouts(self, sampled.train, sampled.dropped, sampled.figures)
        answers = [objective.final_answer(rollout) for group in groups for rollout in group]
        self.exploration.observe(concatenated(answers))
        rolled = [rollout for group in groups for rollout in group]
        return {"rollouts": rolled, "groups": groups, "gaps": gaps, "gaps_of_successes": learnt}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401 (Lightning's signature)
        """Leaves out of the step's log what it does not log itself."""
        forget_last_step(self)
        # Dropout of adapters draws from torch's own generator, which no checkpoint keeps.
        torch.manual_seed(derive_seed(self.seed, "training", self.current_epoch, batch_idx, self.global_rank))

    def rollout_step(self, number: int = 0) -> rollouts.RolloutStep:
        """What the sampler may use of a step, which has its number in the epoch."""
        mixture, loader = mixture_of(self.trainer).mixture, self.trainer.train_dataloader
        place = (self.seed, self.current_epoch, number, self.global_rank, mixture, loader.ahead)  # type: ignore[union-attr]  # made before the first step
        return rollouts.RolloutStep(self.worker, self.policy, self.initial_policy, self.sampling, *place)

    def advantages(self, groups: Sequence[Group]) -> Tensor:
        """How much better than its group each rollout is, exploration included [G, K]."""
        return rollouts.advantages_of(groups, self.advantage, self.exploration)

    # ---- set-up

    def setup(self, stage: str) -> None:
        """Loads the tokenizer, and refuses what is known to fail before any weight is loaded."""
        self.renderer = load_renderer(self.model, self.instruction, self.chat_template_kwargs)
        window, completion = load_window(self.model, self.longest), self.sampling.max_completion_length
        check_lengths(self.max_prompt_length, completion, self.engine.fitting(window))
        self.worker = rollouts.RolloutWorker(self.engine, self.renderer, self.reward, self.counts)
        check_run(stage, self.trainer, self)
        self.max_templated_prompt_length = self.engine.fitting(window) - completion  # servers say when they are checked

    def configure_model(self) -> None:
        """Loads the policy; Lightning may ask more than once."""
        if not self._loaded:
            how = self.gradient_checkpointing, self.adapters, self.longest
            self.policy = load_placed(self, self.model, *how).train()
            self.strict_loading = not adapter_layers(self.policy)  # their checkpoints hold no frozen weight
            self._loaded = True

    def on_fit_start(self) -> None:
        """Whatever an earlier run has found, this one asks again."""
        self._agreed = False

    def agree(self) -> None:
        """Says on which path log-probs are computed, after a check that engine and trainer have the policy's own.

        Once a run, before its first rollouts: of training, or of an evolution that a longer run makes up for.
        """
        if not self._agreed:
            with self.trainer.precision_plugin.forward_context():
                agreed = agreement(self.policy, self.engine, self.longest, self.sampling.temperature)
            self.update, self._agreed = self.update.on(agreed), True

    def on_train_start(self) -> None:
        """Compares log-probs, if nobody has."""
        self.agree()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer of the policy's parameters, and the schedule of its learning rate."""
        trained = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        optimizer = make_optimizer(self.optimizer, trained)
        return {"optimizer": self.average_policy.following(optimizer), "lr_scheduler": self.lr_scheduler(optimizer)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what `p2o export` and the summary need, in plain types."""
        keep_trained(checkpoint, self.policy)
        checkpoint["p2o"] = policy_state(self, self.stateful_parts, self.counts)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes over counts and states, or refuses a checkpoint of another model or other parts."""
        restore_policy_state(checkpoint, self, self.stateful_parts, self.counts)
