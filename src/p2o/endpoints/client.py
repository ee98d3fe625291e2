"""A model behind an OpenAI-compatible endpoint: the one way in which p2o asks over the network."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from transformers import PreTrainedTokenizerBase

from p2o.endpoints.budget import BudgetGuard, Spending
from p2o.endpoints.calls import Call, CallResult, Calls
from p2o.endpoints.connection import bound
from p2o.endpoints.failure import Failure
from p2o.endpoints.models import models_problem
from p2o.endpoints.retry import Retries
from p2o.endpoints.usage import Usage
from p2o.errors import InputError
from p2o.io.coroutines import run
from p2o.progress import task

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CHAT_TOKENS = 32  # of a chat template around one user message, generously
SECRET = 8  # characters; a shorter key is the "x" of a server without keys, and no secret


@dataclass(eq=False)
class Endpoint:
    """A model behind an OpenAI-compatible endpoint, asked in calls of one user message each.

    The key is read from the environment, and kept out of all that is stored or printed.

    Args:
        base_url: The endpoint, up to and without `/chat/completions`, such as `http://localhost:8000/v1`.
        model: Name of the model there.
        api_key_env: Name of the environment variable with the key; set it to anything for a server without keys.
        temperature: Of sampling (paper: 0.6).
        length_field: Field of the request for the longest reply; OpenAI's reasoning models take the second.
        token_margin: Counts of prompts are multiplied by it before they are held against a window or a limit: 1 if they
            are made with the model's own tokenizer, more if another one counts in its place.
        concurrency: Calls at a time and process, at most (paper: 64).
        timeout: Seconds for one attempt of a call, from its first byte to the last of the answer.
        retries: Further attempts, and when to give up.
        spending: Limits of the run on tokens and money, and the prices.
        extra_body: Further fields of the request, such as `chat_template_kwargs: {enable_thinking: false}` for vLLM.
    """

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    temperature: float = 0.6
    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    token_margin: float = 1.25
    concurrency: int = 8
    timeout: float = 300.0
    retries: Retries = field(default_factory=Retries)
    spending: Spending = field(default_factory=Spending)
    extra_body: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._failed = 0  # calls that failed in a row
        if self.concurrency < 1 or self.temperature < 0 or self.token_margin < 1:
            raise InputError(
                "endpoint: expected concurrency >= 1, temperature >= 0 and token_margin >= 1, got "
                f"{self.concurrency}, {self.temperature} and {self.token_margin}."
            )
        if self.timeout <= 0 or not self.base_url.startswith(("http://", "https://")):
            raise InputError(
                "endpoint: expected timeout > 0 and a base_url that starts with http:// or https://, got "
                f"{self.timeout} and {self.base_url!r}."
            )
        parts = urlsplit(self.base_url)
        if "@" in parts.netloc:  # a token may stand where a user's name does, and is sent in place of the key
            raise self._indiscreet("endpoint")
        self.check_secrecy("endpoint", self.base_url, self.model, repr(self.extra_body))
        if parts.query:
            raise InputError(
                "endpoint: expected a base_url without a query, got one with '?': /chat/completions is put at its end. "
                "Take the query out."
            )

    def ask(
        self,
        messages: Sequence[str],
        longest_reply: int,
        tokenizer: PreTrainedTokenizerBase,
        spent: Usage,
        title: str,
    ) -> tuple[list[CallResult], str]:
        """What became of the call of each message, and why no more calls are made; "" if all were.

        Args:
            messages: The user messages, one for each call.
            longest_reply: Tokens of a reply at most.
            tokenizer: Counts the tokens of the messages.
            spent: What the run has spent so far, for the limits.
            title: Stands beside the progress bar.
        """
        if not messages:
            return [], ""
        return run(self._ask([self._call(message, longest_reply, tokenizer) for message in messages], spent, title))

    def tried(self) -> Failure | None:
        """What speaks against calls, as far as the list of its models tells, which costs nothing; None if nothing does.

        A failure that is permanent is one of every call; any other one is a doubt.
        """
        return run(self._tried())

    def count(self, text: str, tokenizer: PreTrainedTokenizerBase) -> int:
        """Tokens of a user message for the model, on the safe side; its chat template takes a few more."""
        return math.ceil(self.token_margin * len(tokenizer.encode(text, add_special_tokens=False))) + CHAT_TOKENS

    def failure(self, why: str) -> str:
        """A message that says where it failed, and does not tell the key, which some servers quote."""
        return self.redacted(f"{self.base_url}/chat/completions, model {self.model!r}, {why}.")

    def redacted(self, text: str) -> str:
        """A text of the server's without the key: some quote it."""
        key = self._key()
        return text.replace(key, f"${self.api_key_env}") if len(key) >= SECRET else text

    def check_secrecy(self, name: str, *texts: str) -> None:
        """Asks for the key, so that a missing one shows before training, and rejects settings that give it away.

        Args:
            name: Of what the settings belong to, for the message.
            texts: The settings; they are written to config.yaml.

        Raises:
            InputError: The key is missing, or a setting holds it.
        """
        key = self._key()
        if len(key) >= SECRET and any(key in text or key in unquote(text) for text in texts):
            raise self._indiscreet(name)

    def _indiscreet(self, name: str) -> InputError:
        return InputError(
            f"{name}: expected the key in the environment variable alone ({self.api_key_env}), other settings "
            "hold it and are written to config.yaml. Take it out of base_url, model, extra_body and prompt."
        )

    async def _ask(self, asked: Sequence[Call], spent: Usage, title: str) -> tuple[list[CallResult], str]:
        with task(title, len(asked), "call") as called:
            async with self._client() as client:
                guard = BudgetGuard(self.spending, spent)
                limits = (self.concurrency, self.timeout, self.retries, guard, self._failed)
                calls = Calls(client, *limits, self.redacted)
                results = await calls.make(asked, called.advance)
        self._failed = 0 if calls.stopped else calls.failed
        return results, calls.stopped

    async def _tried(self) -> Failure | None:
        async with self._client() as client:
            return await models_problem(client, self.model, self.redacted)

    def _client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        http = DefaultAsyncHttpxClient(timeout=self.timeout, event_hooks={"response": [bound]})
        return AsyncOpenAI(
            base_url=self.base_url, api_key=self._key(), timeout=self.timeout, max_retries=0, http_client=http
        )

    def _call(self, message: str, longest_reply: int, tokenizer: PreTrainedTokenizerBase) -> Call:
        arguments: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": message}],
            "temperature": self.temperature,
            self.length_field: longest_reply,
            "extra_body": self.extra_body,
        }
        most = Usage(prompt_tokens=self.count(message, tokenizer), completion_tokens=longest_reply)
        return Call(arguments, self.spending.priced(most))

    def _key(self) -> str:
        """The key, read when it is needed and never kept: what is kept ends up in checkpoints and logs."""
        key = os.environ.get(self.api_key_env, "").strip()
        # One with a line break would be quoted with it spelled out, in which nothing finds the key to hide it.
        if not key or not key.isascii() or not key.isprintable():
            fault = "not set" if not key else "more than one line" if key.isascii() else "not ASCII"
            raise InputError(
                f"endpoint: expected the API key in the environment variable {self.api_key_env}, which is "
                f"{fault}. Set it; for a server without keys, to anything."
            )
        return key
