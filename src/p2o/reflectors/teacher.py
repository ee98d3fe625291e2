"""Teacher-Ref: a stronger model behind an OpenAI-compatible endpoint reflects."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from p2o.errors import InputError
from p2o.progress import task
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionJob, Reflector
from p2o.reflectors.prompt import GEPA_PROMPT, check_prompt, reflection_prompt
from p2o.reflectors.reply import UNFINISHED, check_template, parse_reply

if TYPE_CHECKING:
    from openai import OpenAI

# What to do about a status that the client's retries did not mend.
_ADVICE = {
    401: "Check the key",
    403: "Check what the key may do",
    404: "Check base_url and model",
    429: "The rate limit or the quota is used up: lower concurrency, or wait",
}


class TeacherReflector(Reflector):
    """Asks a model behind an OpenAI-compatible endpoint.

    The client retries timeouts, lost connections and the statuses 408, 409, 429 and 5xx, and waits as long as
    `Retry-After` asks for. What fails for good ends the phase with a message; it never passes for a reply.

    Args:
        base_url: The endpoint, up to and without `/chat/completions`, such as `http://localhost:8000/v1`.
        model: Name of the model there.
        api_key_env: Name of the environment variable with the key; set it to anything for a server without keys.
        temperature: Of sampling (paper: 0.6).
        max_reply_length: Tokens of a reply, its thoughts included; a reply that reaches it is refused.
        concurrency: Calls at a time, at most (paper: 64).
        timeout: Seconds for one attempt of a call.
        max_retries: Further attempts of a call that failed.
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
        concurrency: int = 8,
        timeout: float = 300.0,
        max_retries: int = 5,
        extra_body: dict[str, Any] | None = None,
        prompt: str = GEPA_PROMPT,
        max_template_length: int = 1024,
    ) -> None:
        if min(max_reply_length, concurrency, max_template_length) < 1 or min(temperature, max_retries) < 0:
            raise InputError(
                "TeacherReflector needs max_reply_length, concurrency and max_template_length >= 1 and temperature and "
                f"max_retries >= 0, got {max_reply_length}, {concurrency}, {max_template_length}, {temperature} and "
                f"{max_retries}."
            )
        if timeout <= 0 or not base_url.startswith(("http://", "https://")):
            raise InputError(
                "TeacherReflector needs timeout > 0 and a base_url that starts with http:// or https://, got "
                f"{timeout} and {base_url!r}."
            )
        self.base_url = base_url
        self.model = model
        self.api_key_env = api_key_env
        self.temperature = temperature
        self.max_reply_length = max_reply_length
        self.concurrency = concurrency
        self.timeout = timeout
        self.max_retries = max_retries
        self.extra_body = extra_body
        self.prompt = check_prompt(prompt)
        self.max_template_length = max_template_length
        self._key()  # asked for here too: a missing key shows before training, not after its first epoch

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One proposal for each job, from as many calls.

        Raises:
            InputError: A call failed for good; those that had not begun are not made.
        """
        from openai import OpenAI

        with (
            OpenAI(
                base_url=self.base_url, api_key=self._key(), timeout=self.timeout, max_retries=self.max_retries
            ) as client,
            ThreadPoolExecutor(self.concurrency) as threads,
            task("reflection", len(jobs), "call") as called,
        ):
            calls = [threads.submit(self._ask, client, job) for job in jobs]
            try:
                for call in as_completed(calls):
                    call.result()
                    called.advance()
            finally:
                for call in calls:
                    call.cancel()
        return [check_template(call.result(), context.renderer, self.max_template_length) for call in calls]

    def _ask(self, client: "OpenAI", job: ReflectionJob) -> Proposal:
        from openai import APIConnectionError, APIStatusError

        prompt = reflection_prompt(job, self.prompt)
        try:
            response = client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=[{"role": "user", "content": prompt}],
                temperature=self.temperature,
                max_tokens=self.max_reply_length,
                extra_body=self.extra_body,
            )
        except APIStatusError as error:
            advice = _ADVICE.get(error.status_code, "Check model and extra_body" if error.status_code < 500 else "Wait")
            raise self._failure(f"answered with status {error.status_code} ({error.message})", advice) from None
        except APIConnectionError as error:
            cause = f"{error.message} {error.__cause__ or ''}".strip()
            raise self._failure(f"could not be reached ({cause})", "Check base_url, and that the server runs") from None
        return replace(self._read(response.content), prompt=prompt)

    def _read(self, body: bytes) -> Proposal:
        """What an answer proposes; read from its bytes, since the client takes any JSON for a chat completion."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        match answer:
            case {"choices": [{"message": {**message}, **choice}, *_]} if isinstance(
                content := message.get("content"), str | None
            ):
                tokens = _completion_tokens(answer)
                if choice.get("finish_reason") == "length":
                    return Proposal("", refusal=UNFINISHED, reply=content or "", tokens=tokens)
                return replace(parse_reply(content), tokens=tokens)  # of a thought without an answer content is null
        raise self._failure(f"answered with something else than a chat completion ({body[:200]!r})", "Check base_url")

    def _failure(self, what: str, advice: str) -> InputError:
        message = f"TeacherReflector: {self.base_url}/chat/completions, model {self.model!r}, {what[:1000]}. {advice}."
        return InputError(message.replace(self._key(), f"${self.api_key_env}"))  # servers quote the key

    def _key(self) -> str:
        """The key, read when it is needed and never kept: what is kept ends up in checkpoints and logs."""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key or not key.isascii():
            raise InputError(
                f"TeacherReflector: expected the API key in the environment variable {self.api_key_env}, which is "
                f"{'not ASCII' if key else 'not set'}. Set it; for a server without keys, to anything."
            )
        return key


def _completion_tokens(answer: dict[str, Any]) -> int:
    """Tokens of the reply by the endpoint's own count; 0 if it gives none."""
    match answer:
        case {"usage": {"completion_tokens": int(tokens)}}:
            return tokens
    return 0
