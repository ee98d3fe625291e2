"""Teacher-Ref: a stronger model behind an OpenAI-compatible endpoint reflects."""

import math
from collections.abc import Sequence
from dataclasses import replace

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from p2o.endpoints import ZERO_USAGE, CallFailed, CallResult, Endpoint
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.parsing import NO_REPLY, PROMPT_TOO_LONG, UNFINISHED, check_length, parse_reply
from p2o.reflectors.prompt import GEPA_PROMPT, check_prompt, reflection_prompt
from p2o.reflectors.truncation import fit_examples


class TeacherReflector(Reflector):
    """Asks a model behind an OpenAI-compatible endpoint.

    A call that fails although it was tried again costs its parent this iteration's proposal and is counted. A wrong
    key, model or address, calls that fail in a row, and a limit that is reached end reflection with a message.

    Args:
        endpoint: The model, how it is asked, and what that may cost.
        max_reply_length: Tokens of a reply, its thoughts included; a reply that reaches it is rejected.
        window: Tokens of prompt and reply that the model takes; longer outputs in the examples lose their middle.
        tokenizer: A folder or hub name with the model's tokenizer; empty: that of the policy counts in its place.
        prompt: The reflection prompt, with <curr_param> for the present template and <side_info> for the examples.
        max_template_length: Tokens of a template by the policy's tokenizer; a longer one is rejected.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        max_reply_length: int = 2048,
        window: int = 32768,
        tokenizer: str = "",
        prompt: str = GEPA_PROMPT,
        max_template_length: int = 1024,
    ) -> None:
        if min(max_reply_length, max_template_length) < 1 or window <= max_reply_length:
            raise InputError(
                "TeacherReflector needs max_reply_length and max_template_length >= 1 and a window above "
                f"max_reply_length, got {max_reply_length}, {max_template_length} and {window}."
            )
        endpoint.check_secrecy(type(self).__name__, prompt)
        self.endpoint = endpoint
        self.max_reply_length = max_reply_length
        self.window = window
        self.prompt = check_prompt(prompt)
        self.max_template_length = max_template_length
        self._tokenizer = _load_tokenizer(tokenizer) if tokenizer else None

    @property
    def name(self) -> str:
        """What the ledger calls it: the class and the model, since prices depend on both."""
        return f"{type(self).__name__} {self.endpoint.model}"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The one that it asks."""
        return (self.endpoint,)

    def longest_template(self, renderer: PromptRenderer) -> int | None:
        """`max_template_length`: a longer one is rejected."""
        return self.max_template_length

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One proposal for each job, from as many calls.

        Raises:
            ReflectionFailed: Further calls would fail as well, or go beyond a limit.
        """
        tokenizer = self._tokenizer or context.renderer.tokenizer
        prompts = [self._fit(job, tokenizer) for job in jobs]
        asked = [prompt for prompt in prompts if prompt is not None]
        results, stopped = self.endpoint.ask(asked, self.max_reply_length, tokenizer, context.spent, "reflection")
        answers = iter(zip(asked, results, strict=True))
        proposals = [
            Proposal("", PROMPT_TOO_LONG) if prompt is None else self._propose(*next(answers), context)
            for prompt in prompts
        ]
        if stopped:
            raise ReflectionFailed(
                f"{type(self).__name__}: {self.endpoint.failure(stopped)}",
                [None if proposal.rejection.startswith(NO_REPLY) else proposal for proposal in proposals],
                sum((proposal.usage for proposal in proposals), ZERO_USAGE),
            )
        return proposals

    def _fit(self, job: ReflectionJob, tokenizer: PreTrainedTokenizerBase) -> str | None:
        """The prompt, within the window less the reply."""
        room = self.window - self.max_reply_length
        return fit_examples(
            job,
            lambda job: reflection_prompt(job, self.prompt),
            lambda text: math.ceil((self.endpoint.count(text, tokenizer) - room) / self.endpoint.token_margin),
            tokenizer,
        )

    def _propose(self, prompt: str, result: CallResult, context: ReflectionContext) -> Proposal:
        asked = Proposal("", prompt=prompt)
        if result is None:
            return asked.rejected(NO_REPLY)
        if isinstance(result, CallFailed):
            return replace(asked.rejected(f"{NO_REPLY}: {result.failure.cause}"), usage=result.usage)
        reply = self.endpoint.redacted(result.content or "")
        parsed = Proposal("", UNFINISHED, reply) if result.truncated else parse_reply(reply)
        checked = check_length(parsed, context.renderer, self.max_template_length)
        return replace(checked, prompt=prompt, usage=result.usage)


def _load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise InputError(
            f"TeacherReflector: the tokenizer {name!r} could not be loaded. Expected a folder made by save_pretrained "
            f"or a name on the Hugging Face hub; leave it empty to count with the policy's. transformers says: {error}"
        ) from error
