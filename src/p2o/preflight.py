"""What can be known to fail is refused before anything is spent."""

from collections.abc import Iterable

from p2o.errors import InputError
from p2o.prompts import PromptRenderer
from p2o.rewards.base import Reward
from p2o.types import Question


def check_questions(
    questions: Iterable[Question], renderer: PromptRenderer, reward: Reward, max_prompt_length: int
) -> None:
    """Asks the reward for each gold answer, and renders each bare question.

    Raises:
        InputError: A gold answer that no completion can match, a question that spells a special token, or a prompt of
            more than `max_prompt_length` tokens; names the question's origin.
    """
    for question in questions:
        where = f"{question.origin or 'question'} (id {question.id!r})"
        if reason := reward.reject(question.answer):
            raise InputError(f"{where}: the answer {question.answer[:200]!r} can never be matched: {reason}.")
        try:
            length = len(renderer.question(question.text))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if length > max_prompt_length:
            raise InputError(
                f"{where}: the prompt has {length} tokens, model.max_prompt_length is {max_prompt_length}. "
                "Raise it, or leave the question out."
            )


def check_lengths(max_prompt_length: int, max_completion_length: int, window: int) -> None:
    """Refuses lengths that do not fit into the model's window of `window` tokens."""
    if max_prompt_length + max_completion_length > window:
        raise InputError(
            f"model.max_prompt_length ({max_prompt_length}) and model.max_completion_length ({max_completion_length}) "
            f"do not fit into the model's window of {window} tokens together. Lower one of them."
        )
