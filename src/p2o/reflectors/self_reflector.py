"""Self-Ref: the policy reflects on its own failures."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Literal

from transformers import PreTrainedModel

from p2o.endpoints.usage import Usage
from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.engines.canary import check_canary
from p2o.errors import InputError
from p2o.logprobs.rope import settled_window
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionJob, Reflector
from p2o.reflectors.parsing import (
    PROMPT_TOO_LONG,
    SPECIAL_TOKEN_IN_PROMPT,
    UNFINISHED,
    check_length,
    parse_reply,
)
from p2o.reflectors.prompt import GEPA_PROMPT, check_prompt, reflection_prompt
from p2o.reflectors.truncation import fit_examples
from p2o.types import Completion, Prompt


class SelfReflector(Reflector):
    """Asks the policy itself, through the rollout engine of the run.

    In a distributed run it reflects on the first process while the others wait, and only that one loads the `initial`
    weights. It must have the whole model, as under DDP: a policy that is sharded, or an engine whose model several
    processes hold, would wait for the others for ever.

    Args:
        weights: `initial` reflects with the policy as it was before training: the paper's authors found that a policy
            late in training proposes less diverse templates. `current` reflects with the policy of the moment.
        temperature: Of sampling (paper: 0.6).
        max_reply_length: Tokens of a reply; a reply that reaches it is rejected.
        prompt: The reflection prompt, with <curr_param> for the present template and <side_info> for the examples.
        max_template_length: Tokens of a template; a longer one is rejected.
        engine: Samples the replies in place of the run's engine, such as `VLLMServers` with `FixedWeights`, which hold
            the policy before training for good, so that no reflection has to send it.
    """

    def __init__(
        self,
        weights: Literal["initial", "current"] = "initial",
        temperature: float = 0.6,
        max_reply_length: int = 2048,
        prompt: str = GEPA_PROMPT,
        max_template_length: int = 1024,
        engine: RolloutEngine | None = None,
    ) -> None:
        if temperature < 0 or max_reply_length < 1 or max_template_length < 1:
            raise InputError(
                "SelfReflector needs temperature >= 0, max_reply_length >= 1 and max_template_length >= 1, got "
                f"{temperature}, {max_reply_length} and {max_template_length}."
            )
        self.weights = weights
        self.sampling = SamplingParams(temperature, max_reply_length)
        self.prompt = check_prompt(prompt)
        self.max_template_length = max_template_length
        self.engine = engine

    @property
    def own_engine(self) -> RolloutEngine | None:
        """The engine of `engine`."""
        return self.engine

    @property
    def samples(self) -> bool:
        """True: it asks the engine of the run, on the first process alone."""
        return True

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One proposal for each job, from a single call of the engine."""
        with self.reflecting_policy(context) as policy:
            return self._reflect(jobs, policy, context)

    def reflecting_policy(self, context: ReflectionContext) -> AbstractContextManager[PreTrainedModel]:
        """The present policy, or the one before training."""
        return nullcontext(context.policy) if self.weights == "current" else context.initial_policy()

    def _reflect(
        self, jobs: Sequence[ReflectionJob], policy: PreTrainedModel, context: ReflectionContext
    ) -> list[Proposal]:
        window = settled_window(policy)
        room = window - self.sampling.max_completion_length
        if room < 1:
            raise InputError(
                f"SelfReflector: expected max_reply_length below the model's window of {window} tokens, got "
                f"{self.sampling.max_completion_length}. Lower it."
            )
        asked = [self._ask(job, context.renderer, room) for job in jobs]
        prompts = [
            Prompt(context.renderer.message(proposal.prompt), job.seed)
            for proposal, job in zip(asked, jobs, strict=True)
            if not proposal.rejection
        ]
        started = time.monotonic()
        engine = self.engine or context.engine
        completions = engine.generate(policy, prompts, self.sampling, title="reflection") if prompts else []
        if self.engine is not None:  # the run's engine is held against the trainer with each rollout
            check_canary(policy, self.engine, prompts, completions, self.sampling.temperature)
        seconds = (time.monotonic() - started) / max(1, len(prompts))
        replies = iter(zip(prompts, completions, strict=True))
        return [
            proposal if proposal.rejection else self._propose(proposal, *next(replies), seconds, context.renderer)
            for proposal in asked
        ]

    def _ask(self, job: ReflectionJob, renderer: PromptRenderer, room: int) -> Proposal:
        """The prompt of a job with nothing proposed yet; rejected at once if the policy cannot be asked with it."""
        whole = reflection_prompt(job, self.prompt)
        if renderer.special_token_in(whole):
            return Proposal("", SPECIAL_TOKEN_IN_PROMPT, prompt=whole)
        text = fit_examples(
            job,
            lambda job: reflection_prompt(job, self.prompt),
            lambda text: len(renderer.message(text)) - room,
            renderer.tokenizer,
        )
        return Proposal("", PROMPT_TOO_LONG) if text is None else Proposal("", prompt=text)

    def _propose(
        self, asked: Proposal, prompt: Prompt, completion: Completion, seconds: float, renderer: PromptRenderer
    ) -> Proposal:
        reply = renderer.decode(completion.ids)
        parsed = Proposal("", UNFINISHED, reply) if completion.truncated else parse_reply(reply)
        usage = Usage(
            calls=1, prompt_tokens=len(prompt.ids), completion_tokens=len(completion.ids), seconds=round(seconds, 3)
        )
        checked = check_length(parsed, renderer, self.max_template_length)
        return replace(checked, prompt=asked.prompt, usage=usage)
