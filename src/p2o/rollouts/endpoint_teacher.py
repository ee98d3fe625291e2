"""A teacher behind an OpenAI-compatible endpoint."""

from collections.abc import Sequence
from typing import Any, Literal

from p2o.endpoints import RETRIES, SPENDING, ZERO_USAGE, ChatReply, Endpoint, Retries, Spending
from p2o.engines.transformers import eos_token_ids
from p2o.errors import InputError
from p2o.rollouts.step import RolloutStep
from p2o.rollouts.teacher import Teacher
from p2o.types import Completion, Question


class EndpointTeacher(Teacher):
    """A stronger model, asked through the chat-completions interface.

    Its texts are tokenized with the policy's tokenizer. A call that fails although it was tried again is made anew with
    the next ones. A wrong key, model or address, calls that fail in a row, and a limit that is reached end the run,
    which resumes from its last epoch. The endpoint decides the draws: two runs differ, a resumed one keeps what its
    checkpoint holds.

    Args:
        base_url: The endpoint, up to and without `/chat/completions`.
        model: Name of the model there.
        api_key_env: Name of the environment variable with the key; set it to anything for a server without keys.
        temperature: Of sampling.
        length_field: Field of the request for `model.max_completion_length`; OpenAI's reasoning models take the second.
        token_margin: The policy's tokenizer counts in the place of the teacher's; its counts are multiplied by this
            before they are held against the limits.
        concurrency: Calls at a time and process, at most.
        timeout: Seconds for one attempt of a call, from its first byte to the last of the answer.
        retries: Further attempts, and when to give up.
        spending: Limits of the run on tokens and money, and the prices. Each process of a distributed run holds itself
            to what is left after the last step.
        extra_body: Further fields of the request, such as `chat_template_kwargs: {enable_thinking: false}` for vLLM.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str = "OPENAI_API_KEY",
        temperature: float = 0.6,
        length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        token_margin: float = 1.25,
        concurrency: int = 8,
        timeout: float = 600.0,
        retries: Retries = RETRIES,
        spending: Spending = SPENDING,
        extra_body: dict[str, Any] | None = None,
    ) -> None:
        self.endpoint = Endpoint(
            type(self).__name__,
            base_url,
            model,
            api_key_env,
            temperature,
            length_field,
            token_margin,
            concurrency,
            timeout,
            retries,
            spending,
            extra_body,
        )
        self.spending = spending

    def complete(self, asks: Sequence[tuple[Question, int]], step: RolloutStep) -> list[Completion]:
        """One completion for each question, in order, from as many calls.

        Raises:
            InputError: There is none for some question, and further calls would fail as well or go beyond a limit.
        """
        limit, tokenizer = step.sampling.max_completion_length, step.worker.renderer.tokenizer
        messages = [step.worker.renderer.instruction + question.text for question, _ in asks]
        answers: dict[int, ChatReply] = {}
        self.cost = ZERO_USAGE
        while missing := [number for number in range(len(asks)) if number not in answers]:
            results, stopped = self.endpoint.ask(
                [messages[number] for number in missing], limit, tokenizer, self.spent + self.cost, "teacher"
            )
            self.cost += sum((result.usage for result in results if result), ZERO_USAGE)
            answers |= {n: result for n, result in zip(missing, results, strict=True) if isinstance(result, ChatReply)}
            if stopped:
                raise InputError(f"{self.endpoint.failure(stopped)} Mend it, then resume the run.")
        texts = [self.endpoint.redacted(answers[number].content or "") for number in range(len(asks))]
        return [tokenized(text, not answers[number].truncated, step, limit) for number, text in enumerate(texts)]


def tokenized(text: str, finished: bool, step: RolloutStep, limit: int) -> Completion:
    """A text as the policy would have written it; it may spell special tokens, and they stay text."""
    ids = step.worker.renderer.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    ids += eos_token_ids(step.policy)[:1] if finished else []
    return Completion(tuple(ids[:limit]), truncated=not finished or len(ids) > limit)
