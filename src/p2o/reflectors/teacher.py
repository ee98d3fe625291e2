"""Teacher-Ref: a stronger model behind an OpenAI-compatible endpoint reflects."""

import asyncio
import math
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from p2o.errors import InputError
from p2o.progress import task
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.calls import Call, Calls, Result
from p2o.reflectors.chat import CallFailed
from p2o.reflectors.excerpts import fit_examples
from p2o.reflectors.prompt import GEPA_PROMPT, check_prompt, reflection_prompt
from p2o.reflectors.reply import NO_REPLY, PROMPT_TOO_LONG, UNFINISHED, check_template, parse_reply
from p2o.reflectors.retries import Retries
from p2o.reflectors.spending import Purse, Spending
from p2o.reflectors.usage import FREE, Usage

T = TypeVar("T")

RETRIES, SPENDING = Retries(), Spending()
CHAT_TOKENS = 32  # of a chat template around one user message, generously
SECRET = 8  # characters; a shorter key is the "x" of a server without keys, and no secret


class TeacherReflector(Reflector):
    """Asks a model behind an OpenAI-compatible endpoint.

    A call that fails although it was tried again costs its parent this iteration's proposal and is counted. A wrong
    key, model or address, calls that fail in a row, and a limit that is reached end reflection with a message.

    Args:
        base_url: The endpoint, up to and without `/chat/completions`, such as `http://localhost:8000/v1`.
        model: Name of the model there.
        api_key_env: Name of the environment variable with the key; set it to anything for a server without keys.
        temperature: Of sampling (paper: 0.6).
        max_reply_length: Tokens of a reply, its thoughts included; a reply that reaches it is refused.
        length_field: Field of the request that `max_reply_length` goes to; OpenAI's reasoning models take the second.
        window: Tokens of prompt and reply that the model takes; longer outputs in the examples lose their middle.
        tokenizer: A folder or hub name with the model's tokenizer; empty: that of the policy counts in its place.
        token_margin: Counts are multiplied by it before they are held against the window and the limits: 1 with the
            model's own tokenizer, more where another one stands in.
        concurrency: Calls at a time, at most (paper: 64).
        timeout: Seconds for one attempt of a call, from its first byte to the last of the answer.
        retries: Further attempts, and when to give up.
        spending: Limits of the run on tokens and money, and the prices.
        extra_body: Further fields of the request, such as `chat_template_kwargs: {enable_thinking: false}` for vLLM.
        prompt: The reflection prompt, with <curr_param> for the present template and <side_info> for the examples.
        max_template_length: Tokens of a template by the policy's tokenizer; a longer one is refused.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str = "OPENAI_API_KEY",
        temperature: float = 0.6,
        max_reply_length: int = 2048,
        length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        window: int = 32768,
        tokenizer: str = "",
        token_margin: float = 1.25,
        concurrency: int = 8,
        timeout: float = 300.0,
        retries: Retries = RETRIES,
        spending: Spending = SPENDING,
        extra_body: dict[str, Any] | None = None,
        prompt: str = GEPA_PROMPT,
        max_template_length: int = 1024,
    ) -> None:
        if min(max_reply_length, concurrency, max_template_length) < 1 or temperature < 0:
            raise InputError(
                "TeacherReflector needs max_reply_length, concurrency and max_template_length >= 1 and temperature "
                f">= 0, got {max_reply_length}, {concurrency}, {max_template_length} and {temperature}."
            )
        if timeout <= 0 or not base_url.startswith(("http://", "https://")):
            raise InputError(
                "TeacherReflector needs timeout > 0 and a base_url that starts with http:// or https://, got "
                f"{timeout} and {base_url!r}."
            )
        if window <= max_reply_length or token_margin < 1:
            raise InputError(
                "TeacherReflector needs a window above max_reply_length and token_margin >= 1, got "
                f"{window}, {max_reply_length} and {token_margin}."
            )
        self.base_url = base_url
        self.model = model
        self.api_key_env = api_key_env
        self.temperature = temperature
        self.max_reply_length = max_reply_length
        self.length_field = length_field
        self.window = window
        self.token_margin = token_margin
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = retries
        self.spending = spending
        self.extra_body = extra_body
        self.prompt = check_prompt(prompt)
        self.max_template_length = max_template_length
        self._failed = 0  # calls that failed in a row
        self._check_secrecy()
        self._tokenizer = _load_tokenizer(tokenizer) if tokenizer else None

    @property
    def name(self) -> str:
        """The class and the model."""
        return f"{type(self).__name__} {self.model}"

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One proposal for each job, from as many calls.

        Raises:
            ReflectionFailed: Further calls would fail as well, or go beyond a limit.
        """
        tokenizer = self._tokenizer or context.renderer.tokenizer
        prompts = [self._fit(job, tokenizer) for job in jobs]
        asked = [prompt for prompt in prompts if prompt is not None]
        results, stopped = _run(self._call(asked, tokenizer, context.spent)) if asked else ([], "")
        answers = iter(zip(asked, results, strict=True))
        proposals = [
            Proposal("", PROMPT_TOO_LONG) if prompt is None else self._propose(*next(answers), context)
            for prompt in prompts
        ]
        if stopped:
            where = f"TeacherReflector: {self.base_url}/chat/completions, model {self.model!r}, "
            raise ReflectionFailed(
                self._redacted(f"{where}{stopped}."),
                [None if proposal.refusal.startswith(NO_REPLY) else proposal for proposal in proposals],
                sum((proposal.usage for proposal in proposals), FREE),
            )
        return proposals

    def _fit(self, job: ReflectionJob, tokenizer: PreTrainedTokenizerBase) -> str | None:
        """The prompt, within the window less the reply."""
        room = self.window - self.max_reply_length
        return fit_examples(
            job,
            lambda job: reflection_prompt(job, self.prompt),
            lambda text: math.ceil((self._count(text, tokenizer) - room) / self.token_margin),
            tokenizer,
        )

    async def _call(
        self, prompts: Sequence[str], tokenizer: PreTrainedTokenizerBase, spent: Usage
    ) -> tuple[list[Result], str]:
        """What became of the call of each prompt, and why no more calls are made; "" if all were."""
        from openai import AsyncOpenAI

        with task("reflection", len(prompts), "call") as called:
            async with AsyncOpenAI(
                base_url=self.base_url, api_key=self._key(), timeout=self.timeout, max_retries=0
            ) as client:
                purse = Purse(self.spending, spent)
                calls = Calls(client, self.concurrency, self.timeout, self.retries, purse, self._failed)
                results = await calls.make([self._request(prompt, tokenizer) for prompt in prompts], called.advance)
        self._failed = 0 if calls.stopped else calls.failed
        return results, calls.stopped

    def _request(self, prompt: str, tokenizer: PreTrainedTokenizerBase) -> Call:
        arguments: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": self.temperature,
            self.length_field: self.max_reply_length,
            "extra_body": self.extra_body,
        }
        most = Usage(prompt_tokens=self._count(prompt, tokenizer), completion_tokens=self.max_reply_length)
        return Call(arguments, self.spending.priced(most))

    def _propose(self, prompt: str, result: Result, context: ReflectionContext) -> Proposal:
        asked = Proposal("", prompt=prompt)
        if result is None:
            return asked.refused(NO_REPLY)
        if isinstance(result, CallFailed):
            return replace(asked.refused(f"{NO_REPLY}: {result.failure.cause}"), usage=result.usage)
        reply = self._redacted(result.content or "")
        parsed = Proposal("", UNFINISHED, reply) if result.truncated else parse_reply(reply)
        checked = check_template(parsed, context.renderer, self.max_template_length)
        return replace(checked, prompt=prompt, usage=result.usage)

    def _count(self, text: str, tokenizer: PreTrainedTokenizerBase) -> int:
        """Tokens of a user message for the model, on the safe side; its chat template takes a few more."""
        return math.ceil(self.token_margin * len(tokenizer.encode(text, add_special_tokens=False))) + CHAT_TOKENS

    def _redacted(self, text: str) -> str:
        """A text of the server's without the key: some quote it."""
        key = self._key()
        return text.replace(key, f"${self.api_key_env}") if len(key) >= SECRET else text

    def _check_secrecy(self) -> None:
        """Asks for the key, so that a missing one shows before training, and refuses settings that give it away."""
        key = self._key()
        settings = [self.base_url, self.model, repr(self.extra_body), self.prompt]
        if urlsplit(self.base_url).password or (len(key) >= SECRET and any(key in setting for setting in settings)):
            raise InputError(
                "TeacherReflector: expected the key in the environment variable alone, the settings hold it too, and "
                "they are written to config.yaml. Take it out of base_url, model, extra_body and prompt."
            )

    def _key(self) -> str:
        """The key, read when it is needed and never kept: what is kept ends up in checkpoints and logs."""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key or not key.isascii():
            raise InputError(
                f"TeacherReflector: expected the API key in the environment variable {self.api_key_env}, which is "
                f"{'not ASCII' if key else 'not set'}. Set it; for a server without keys, to anything."
            )
        return key


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, also where a loop runs already (in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise InputError(
            f"TeacherReflector: the tokenizer {name!r} could not be loaded. Expected a folder made by save_pretrained "
            f"or a name on the Hugging Face hub; leave it empty to count with the policy's. transformers says: {error}"
        ) from error
