"""A model behind an OpenAI-compatible endpoint: the one way in which p2o asks over the network."""

import asyncio
import math
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from transformers import PreTrainedTokenizerBase

from p2o.endpoints.budget import BudgetGuard, Spending
from p2o.endpoints.calls import Call, CallResult, Calls
from p2o.endpoints.retry import Retries
from p2o.endpoints.usage import Usage
from p2o.errors import InputError
from p2o.progress import task

T = TypeVar("T")

CHAT_TOKENS = 32  # of a chat template around one user message, generously
RETRIES, SPENDING = Retries(), Spending()  # defaults
SECRET = 8  # characters; a shorter key is the "x" of a server without keys, and no secret


class Endpoint:
    """Asks a model, each call a single user message; keeps the key out of everything that is kept or said.

    Args:
        owner: Who asks, for messages.
        base_url: The endpoint, up to and without `/chat/completions`.
        model: Name of the model there.
        api_key_env: Name of the environment variable with the key.
        temperature: Of sampling.
        length_field: Field of the request that the length of a reply goes to.
        token_margin: Counts of prompts are multiplied by it, since another tokenizer than the model's counts.
        concurrency: Calls at a time.
        timeout: Seconds for one attempt of a call.
        retries: Further attempts, and when to give up.
        spending: Limits of the run.
        extra_body: Further fields of the request.
        texts: Further settings that must not hold the key.
    """

    def __init__(
        self,
        owner: str,
        base_url: str,
        model: str,
        api_key_env: str,
        temperature: float,
        length_field: Literal["max_tokens", "max_completion_tokens"],
        token_margin: float,
        concurrency: int,
        timeout: float,
        retries: Retries,
        spending: Spending,
        extra_body: dict[str, Any] | None,
        texts: Sequence[str] = (),
    ) -> None:
        if concurrency < 1 or temperature < 0 or token_margin < 1:
            raise InputError(
                f"{owner} needs concurrency >= 1, temperature >= 0 and token_margin >= 1, got {concurrency}, "
                f"{temperature} and {token_margin}."
            )
        if timeout <= 0 or not base_url.startswith(("http://", "https://")):
            raise InputError(
                f"{owner} needs timeout > 0 and a base_url that starts with http:// or https://, got {timeout} and "
                f"{base_url!r}."
            )
        self.owner = owner
        self.base_url = base_url
        self.model = model
        self.api_key_env = api_key_env
        self.temperature = temperature
        self.length_field = length_field
        self.token_margin = token_margin
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = retries
        self.spending = spending
        self.extra_body = extra_body
        self._failed = 0  # calls that failed in a row
        self._check_secrecy(texts)

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
            messages: Of the user.
            longest_reply: Tokens of a reply at most.
            tokenizer: Counts the messages.
            spent: By the run so far.
            title: Of the progress bar.
        """
        if not messages:
            return [], ""
        return _run(self._ask([self._call(message, longest_reply, tokenizer) for message in messages], spent, title))

    def count(self, text: str, tokenizer: PreTrainedTokenizerBase) -> int:
        """Tokens of a user message for the model, on the safe side; its chat template takes a few more."""
        return math.ceil(self.token_margin * len(tokenizer.encode(text, add_special_tokens=False))) + CHAT_TOKENS

    def failure(self, why: str) -> str:
        """A message that says where it failed, and does not tell the key, which some servers quote."""
        return self.redacted(f"{self.owner}: {self.base_url}/chat/completions, model {self.model!r}, {why}.")

    def redacted(self, text: str) -> str:
        """A text of the server's without the key: some quote it."""
        key = self._key()
        return text.replace(key, f"${self.api_key_env}") if len(key) >= SECRET else text

    async def _ask(self, asked: Sequence[Call], spent: Usage, title: str) -> tuple[list[CallResult], str]:
        from openai import AsyncOpenAI

        with task(title, len(asked), "call") as called:
            async with AsyncOpenAI(
                base_url=self.base_url, api_key=self._key(), timeout=self.timeout, max_retries=0
            ) as client:
                purse = BudgetGuard(self.spending, spent)
                calls = Calls(client, self.concurrency, self.timeout, self.retries, purse, self._failed)
                results = await calls.make(asked, called.advance)
        self._failed = 0 if calls.stopped else calls.failed
        return results, calls.stopped

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

    def _check_secrecy(self, texts: Sequence[str]) -> None:
        """Asks for the key, so that a missing one shows before training, and refuses settings that give it away."""
        key = self._key()
        settings = [self.base_url, self.model, repr(self.extra_body), *texts]
        if urlsplit(self.base_url).password or (len(key) >= SECRET and any(key in setting for setting in settings)):
            raise InputError(
                f"{self.owner}: expected the key in the environment variable alone, the settings hold it too, and they "
                "are written to config.yaml. Take it out of base_url, model, extra_body and prompt."
            )

    def _key(self) -> str:
        """The key, read when it is needed and never kept: what is kept ends up in checkpoints and logs."""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key or not key.isascii():
            raise InputError(
                f"{self.owner}: expected the API key in the environment variable {self.api_key_env}, which is "
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
