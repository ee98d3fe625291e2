"""A teacher behind an OpenAI-compatible endpoint."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from p2o.engines.transformers import eos_token_ids
from p2o.errors import InputError
from p2o.samplers.base import SamplingContext
from p2o.samplers.teacher import Teacher
from p2o.types import Completion, Question

if TYPE_CHECKING:
    from openai import OpenAI


class EndpointTeacher(Teacher):
    """A stronger model, asked through the chat-completions interface.

    Its texts are tokenized with the policy's tokenizer. The client retries timeouts, lost connections and the statuses
    408, 409, 429 and 5xx; a call that fails for good ends the run, which resumes from its last epoch. The endpoint
    decides the draws: two runs differ, a resumed one keeps what its checkpoint holds.

    Args:
        base_url: The endpoint, up to and without `/chat/completions`.
        model: Name of the model there.
        api_key_env: Name of the environment variable with the key; set it to anything for a server without keys.
        temperature: Of sampling.
        concurrency: Calls at a time, at most.
        timeout: Seconds for one attempt of a call.
        max_retries: Further attempts of a call that failed.
        extra_body: Further fields of the request, such as `chat_template_kwargs: {enable_thinking: false}` for vLLM.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str = "OPENAI_API_KEY",
        temperature: float = 0.6,
        concurrency: int = 8,
        timeout: float = 600.0,
        max_retries: int = 5,
        extra_body: dict[str, Any] | None = None,
    ) -> None:
        if concurrency < 1 or min(temperature, max_retries) < 0 or timeout <= 0:
            raise InputError(
                "EndpointTeacher needs concurrency >= 1, temperature and max_retries >= 0 and timeout > 0, got "
                f"{concurrency}, {temperature}, {max_retries} and {timeout}."
            )
        self.base_url = base_url
        self.model = model
        self.api_key_env = api_key_env
        self.temperature = temperature
        self.concurrency = concurrency
        self.timeout = timeout
        self.max_retries = max_retries
        self.extra_body = extra_body
        self._key()  # a missing key shows before training

    def complete(self, asks: Sequence[tuple[Question, int]], context: SamplingContext) -> list[Completion]:
        """One completion for each question, in order, from as many calls."""
        from openai import OpenAI

        limit = context.sampling.max_completion_length
        messages = [context.renderer.instruction + question.text for question, _ in asks]
        client = OpenAI(base_url=self.base_url, api_key=self._key(), timeout=self.timeout, max_retries=self.max_retries)
        with client, ThreadPoolExecutor(self.concurrency) as threads:
            texts = list(threads.map(lambda message: self._ask(client, message, limit), messages))
        return [tokenized(text, finished, context, limit) for text, finished in texts]

    def _ask(self, client: "OpenAI", message: str, limit: int) -> tuple[str, bool]:
        """The reply to a user message, and whether it is complete."""
        from openai import OpenAIError

        try:
            answer = client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": message}],
                temperature=self.temperature,
                max_tokens=limit,
                extra_body=self.extra_body,
            )
        except OpenAIError as error:
            said = str(error)[:1000].replace(self._key(), f"${self.api_key_env}")  # servers quote the key
            raise InputError(
                f"EndpointTeacher: {self.base_url}, model {self.model!r}, gave no completion: {said}. Check base_url, "
                "model and key, then resume the run."
            ) from None
        match answer.choices:
            case [choice, *_]:
                return choice.message.content or "", choice.finish_reason != "length"
        raise InputError(f"EndpointTeacher: {self.base_url} answered without a completion. Check base_url and model.")

    def _key(self) -> str:
        """The key, read when it is needed and never kept."""
        if not (key := os.environ.get(self.api_key_env, "").strip()):
            raise InputError(
                f"EndpointTeacher: expected the API key in the environment variable {self.api_key_env}, which is not "
                "set. Set it; for a server without keys, to anything."
            )
        return key


def tokenized(text: str, finished: bool, context: SamplingContext, limit: int) -> Completion:
    """A text as the policy would have written it; it may spell special tokens, and they stay text."""
    ids = context.renderer.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    ids += eos_token_ids(context.policy)[:1] if finished else []
    return Completion(tuple(ids[:limit]), truncated=not finished or len(ids) > limit)
