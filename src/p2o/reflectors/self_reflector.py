"""Self-Ref: the policy reflects on its own failures."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Literal

from transformers import PreTrainedModel

from p2o.endpoints.usage import ZERO_USAGE, Usage
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
    closed,
    parse_reply,
    up_to_first_block,
)
from p2o.reflectors.prompt import GEPA_PROMPT, check_prompt, reflection_prompt
from p2o.reflectors.truncation import fit_examples
from p2o.seeds import derive_seed
from p2o.types import Completion, Prompt


class SelfReflector(Reflector):
    """Asks the policy itself, through the rollout engine of the run.

    In a distributed run it reflects on the first process while the others wait. Where it asks the run's engine and
    that keeps a copy of the weights, as vLLM does, the `initial` ones come from the model's files. Else they are
    loaded: under DDP by the first process alone, of a policy in shards into shards, and all processes gather the one
    that reflects, for as long as it does. An engine whose model several processes hold is refused: it would wait for
    the others for ever.

    Args:
        weights: `initial` reflects with the policy as it was before training: the paper's authors found that a policy
            late in training proposes less diverse templates. `current` reflects with the policy of the moment.
        temperature: Of sampling (paper: 0.6).
        max_reply_length: Tokens of a reply; a reply that reaches it is rejected.
        prompt: The reflection prompt, with <curr_param> for the present template and <side_info> for the examples.
        max_template_length: Tokens of a template; a longer one is rejected.
        opening: What each reply begins with, such as a fence and the end of its line: models that are too small to keep
            to a format go on in it. A reply with an opening ends with its first block, whatever the model adds or the
            length limit cuts off.
        close_fence: Whether a reply that has begun its fence and not ended it is closed for it: where it ends, or, if
            the length limit cuts it off, after its last whole sentence or line; one without either is rejected.
        attempts: Replies to each job, sampled in the same call. The first one that can be read is the proposal;
            evolution tries further ones with another template too, as far as its budget goes.
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
        opening: str = "",
        attempts: int = 1,
        engine: RolloutEngine | None = None,
        close_fence: bool = False,
    ) -> None:
        if temperature < 0 or min(max_reply_length, max_template_length, attempts) < 1:
            raise InputError(
                "SelfReflector needs temperature >= 0, max_reply_length >= 1, max_template_length >= 1 and attempts >= "
                f"1, got {temperature}, {max_reply_length}, {max_template_length} and {attempts}."
            )
        self.weights = weights
        self.sampling = SamplingParams(temperature, max_reply_length)
        self.prompt = check_prompt(prompt)
        self.max_template_length = max_template_length
        self.opening = opening
        self.close_fence = close_fence
        self.attempts = attempts
        self.engine = engine

    @property
    def own_engine(self) -> RolloutEngine | None:
        """The engine of `engine`."""
        return self.engine

    @property
    def samples(self) -> bool:
        """True: it asks the engine of the run, on the first process alone."""
        return True

    def longest_template(self, renderer: PromptRenderer) -> int | None:
        """`max_template_length`: a longer one is rejected."""
        return self.max_template_length

    def problems(self, window: int, renderer: PromptRenderer) -> Iterator[str]:
        """A reply that leaves no room for what it is asked with."""
        opening = len(self._opening_ids(renderer))
        if window <= self.sampling.max_completion_length + opening:
            extra = f" and an opening of {opening}" if opening else ""
            yield (
                f"SelfReflector: expected max_reply_length below the window of {window} tokens, got "
                f"{self.sampling.max_completion_length}{extra}. Lower it: the prompt that reflects needs room as well."
            )

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
        engine = self.engine or context.engine
        window = engine.fitting(settled_window(policy))
        for problem in self.problems(window, context.renderer):
            raise InputError(problem)
        opening = self._opening_ids(context.renderer)
        room = window - self.sampling.max_completion_length - len(opening)
        asked = [self._ask(job, context.renderer, room) for job in jobs]
        prompts = [
            Prompt(context.renderer.message(proposal.prompt) + opening, seed)
            for proposal, job in zip(asked, jobs, strict=True)
            if not proposal.rejection
            for seed in self._seeds(job)
        ]
        started = time.monotonic()
        # Without a prompt too: another process may wait for the weights that this one sends.
        completions = engine.generate(policy, prompts, self.sampling, title="reflection")
        if self.engine is not None:  # the run's engine is held against the trainer with each rollout
            check_canary(policy, self.engine, prompts, completions, self.sampling.temperature)
        seconds = (time.monotonic() - started) / max(1, len(prompts))
        replies = iter(zip(prompts, completions, strict=True))
        return [
            proposal
            if proposal.rejection
            else with_others(
                [self._propose(proposal, *next(replies), seconds, context.renderer) for _ in range(self.attempts)]
            )
            for proposal in asked
        ]

    def _opening_ids(self, renderer: PromptRenderer) -> tuple[int, ...]:
        if token := renderer.special_token_in(self.opening):
            raise InputError(f"SelfReflector.opening: expected plain text, found the special token {token!r}.")
        return tuple(renderer.tokenizer.encode(self.opening, add_special_tokens=False))

    def _seeds(self, job: ReflectionJob) -> list[int]:
        return [job.seed, *(derive_seed(job.seed, "attempt", number) for number in range(1, self.attempts))]

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
        reply = self.opening + renderer.decode(completion.ids)
        finished = None if completion.truncated else reply
        if self.opening:
            finished = up_to_first_block(reply) or finished
        if self.close_fence:
            finished = closed(reply, cut_off=completion.truncated) or finished
        parsed = Proposal("", UNFINISHED, reply) if finished is None else replace(parse_reply(finished), reply=reply)
        usage = Usage(
            calls=1, prompt_tokens=len(prompt.ids), completion_tokens=len(completion.ids), seconds=round(seconds, 3)
        )
        checked = check_length(parsed, renderer, self.max_template_length)
        return replace(checked, prompt=asked.prompt, usage=usage)


def with_others(attempts: Sequence[Proposal]) -> Proposal:
    """The first attempt with a template, or the first one of all, with the others and what all of them cost."""
    chosen = next((number for number, attempt in enumerate(attempts) if not attempt.rejection), 0)
    others = [replace(attempt, usage=ZERO_USAGE) for number, attempt in enumerate(attempts) if number != chosen]
    usage = sum((attempt.usage for attempt in attempts), ZERO_USAGE)
    return replace(attempts[chosen], usage=usage, others=tuple(others))
