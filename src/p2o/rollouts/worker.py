"""The one path from a question to a graded rollout: training, validation and evolution all take it."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from transformers import PreTrainedModel

from p2o.distributed.preemption import interruptible
from p2o.distributed.processes import together
from p2o.engines.base import BackgroundEngine, RolloutEngine, SamplingParams, Submitted, completions_checked
from p2o.engines.canary import check_canary, try_canary
from p2o.logprobs.shards import is_sharded
from p2o.progress import task
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.rollouts.counts import RolloutCounts
from p2o.rollouts.groups import Group, group_rollouts
from p2o.types import Completion, MixtureItem, Prompt, Question, Rollout


@dataclass(frozen=True)
class RolloutRequest:
    """One completion that is asked for: of a question, under a template ("" for none), from a seed of its own.

    `guide` is the template that a bare rollout is left without; nothing is sampled under it.
    """

    question: Question
    template: str
    seed: int
    guide: str = ""


class RolloutWorker:
    """Renders prompts, samples completions, grades and counts them.

    Bare and templated prompts can never be rendered differently, since nothing else renders them.

    Args:
        engine: Samples the completions.
        renderer: Renders T(x, z).
        reward: Grades the completions.
        counts: Where completions are counted.
    """

    def __init__(self, engine: RolloutEngine, renderer: PromptRenderer, reward: Reward, counts: RolloutCounts) -> None:
        self.engine = engine
        self.renderer = renderer
        self.reward = reward
        self.counts = counts

    def roll_out(
        self,
        policy: PreTrainedModel,
        requests: Sequence[RolloutRequest],
        sampling: SamplingParams,
        phase: str,
        title: str = "rollouts",
    ) -> list[Rollout]:
        """A graded rollout for each request, in order, from one engine call.

        Args:
            policy: Samples the completions.
            requests: Question, template and seed of each completion.
            sampling: Temperature and length.
            phase: What the completions are counted as: "train", "evolution", "validation" or "fixed_questions"; "" for
                what an earlier process has counted.
            title: Of the progress bar.
        """
        prompts = self._prompts(requests)
        completions = self._sample(policy, prompts, sampling, title)
        if phase:
            self.counts.add(phase, completions)
        return self.graded(requests, prompts, completions)

    def _sample(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """A completion for each prompt, from the weights that are trained; a signal ends it where no process waits."""

        def generate() -> list[Completion]:
            with nullcontext() if self.engine.processes > 1 else interruptible():  # those of an engine sample together
                generated = self.engine.generate(policy, prompts, sampling, title)
                return completions_checked(self.engine, len(prompts), generated)

        # The processes of a policy in shards gather and compare it together, so that they also end together.
        completions = together(generate) if is_sharded(policy) else generate()
        check_canary(policy, self.engine, prompts, completions, sampling.temperature)
        return completions

    def submit(
        self,
        policy: PreTrainedModel,
        batches: Sequence[Sequence[RolloutRequest]],
        sampling: SamplingParams,
        phase: str,
    ) -> list["SubmittedRollouts"]:
        """Begins the rollouts of several batches, by an engine that samples while this process goes on.

        The canary is tried before: when they end, the policy may have other weights. Args are those of `roll_out`.
        """
        engine = self.engine
        assert isinstance(engine, BackgroundEngine)  # `SamplingAhead` has refused others
        prompts = [self._prompts(requests) for requests in batches]
        with nullcontext() if is_sharded(policy) else interruptible():  # shards are gathered and compared together
            try_canary(policy, engine, [prompt for some in prompts for prompt in some], sampling)
            submitted = [engine.submit(policy, some, sampling) for some in prompts]
        parts = zip(batches, prompts, submitted, strict=True)
        return [SubmittedRollouts(self, requests, some, completions, phase) for requests, some, completions in parts]

    def grade_teacher_completions(self, items: Sequence[MixtureItem], completions: Sequence[Completion]) -> list[Group]:
        """Completions that somebody else wrote, K for each item, as groups under the bare prompt."""
        requests = [RolloutRequest(item.question, "", seed=0) for item in items for _ in item.templates]
        prompts = [Prompt(self.renderer.question(request.question.text)) for request in requests]
        return group_rollouts(self.graded(requests, prompts, completions), items)

    def _prompts(self, requests: Sequence[RolloutRequest]) -> list[Prompt]:
        return [Prompt(self.renderer.question(one.question.text, one.template), one.seed) for one in requests]

    def graded(
        self, requests: Sequence[RolloutRequest], prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[Rollout]:
        """The rollouts that completions make, one for each request and in their order."""
        texts = [self.renderer.decode(completion.ids) for completion in completions]
        inputs = [
            GradingInput(request.question, text, completion.truncated, len(completion.ids))
            for request, text, completion in zip(requests, texts, completions, strict=True)
        ]
        with task("grading", len(inputs), "completion"):
            grades = grade_checked(self.reward, inputs)
        return [
            Rollout(request.question, request.template, prompt.ids, completion, text, grade, request.guide)
            for request, prompt, completion, text, grade in zip(
                requests, prompts, completions, texts, grades, strict=True
            )
        ]


@dataclass(frozen=True, eq=False)
class SubmittedRollouts:
    """The rollouts of a batch that are being sampled.

    Args:
        worker: Has begun them.
        requests: One for each.
        prompts: Of the requests.
        completions: What is being sampled.
        phase: What they are counted as, once they are there.
    """

    worker: RolloutWorker
    requests: Sequence[RolloutRequest]
    prompts: Sequence[Prompt]
    completions: Submitted
    phase: str

    def wait(self, title: str) -> list[Completion]:
        """A completion for each request, in order, which are counted; `title` names the wait for the last of them."""
        with interruptible():
            completions = self.completions.wait(title)
        self.worker.counts.add(self.phase, completions)
        return completions

    def graded(self, completions: Sequence[Completion]) -> list[Rollout]:
        """The rollouts that they make."""
        return self.worker.graded(self.requests, self.prompts, completions)
