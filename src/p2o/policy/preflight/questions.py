"""Questions that cannot be asked, or never be answered."""

from collections.abc import Iterable, Iterator

from lightning.pytorch.utilities import rank_zero_warn

from p2o.errors import InputError, refuse
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards.base import Reward
from p2o.types import Question


def check_questions(
    questions: Iterable[Question], renderer: PromptRenderer, reward: Reward, max_prompt_length: int
) -> None:
    """Asks the reward for each gold answer, and renders each bare question.

    Raises:
        InputError: The first of `question_problems`.
    """
    refuse(question_problems(questions, renderer, reward, max_prompt_length))


def question_problems(
    questions: Iterable[Question], renderer: PromptRenderer, reward: Reward, max_prompt_length: int
) -> Iterator[str]:
    """Gold answers that no completion can match, and what `prompt_problems` finds; each names the question's origin."""
    questions = list(questions)
    for question in questions:
        if reason := reward.refuse(question):
            yield f"{_where(question)}: the answer {question.answer[:200]!r} can never be matched: {reason}."
    yield from prompt_problems(questions, renderer, max_prompt_length)


def check_prompts(questions: Iterable[Question], renderer: PromptRenderer, max_prompt_length: int) -> None:
    """Renders each bare question.

    Raises:
        InputError: The first of `prompt_problems`.
    """
    refuse(prompt_problems(questions, renderer, max_prompt_length))


def prompt_problems(questions: Iterable[Question], renderer: PromptRenderer, max_prompt_length: int) -> Iterator[str]:
    """Questions that spell a control token, prompts that are too long, and different questions with one prompt.

    A chat template that drops or cuts what it is given asks the same for all, and no accuracy tells.
    """
    asked: dict[tuple[int, ...], Question] = {}
    for question in questions:
        try:
            prompt = renderer.question(question.text)
        except InputError as error:
            yield f"{_where(question)}: {error}"
            continue
        other, length = asked.setdefault(prompt, question), len(prompt)
        if other.text.split() != question.text.split():
            yield (
                f"{_where(question)}: the prompt is that of {_where(other)}, whose text is another one. Expected a "
                "chat template that writes the whole message; use another tokenizer."
            )
        if length > max_prompt_length:
            yield (
                f"{_where(question)}: the prompt has {length} tokens, model.max_prompt_length is {max_prompt_length}. "
                "Raise it, or leave the question out."
            )


def templated_problems(
    questions: Iterable[Question], renderer: PromptRenderer, template: str, max_length: int
) -> Iterator[str]:
    """Questions that cannot be asked under the best template of a checkpoint; each names the question's origin.

    `max_length`: tokens of a templated prompt at most, which are those that a completion leaves of the window.
    """
    for question in questions:
        try:
            length = len(renderer.question(question.text, template))
        except InputError as error:
            yield f"{_where(question)}: {error}"
            continue
        if length > max_length:
            yield (
                f"{_where(question)}: the prompt under the best template has {length} tokens, the model's window and "
                f"model.max_completion_length leave {max_length}. Lower that length, leave the question out, or "
                "evaluate the bare prompt."
            )


def prompt_length(question: Question, renderer: PromptRenderer) -> int:
    """Tokens of the bare prompt of a question.

    Raises:
        InputError: The question spells a special token; names its origin.
    """
    try:
        return len(renderer.question(question.text))
    except InputError as error:
        raise InputError(f"{_where(question)}: {error}") from error


def warn_of_golds(questions: Iterable[Question], reward: Reward) -> None:
    """Names the benchmark questions that count as wrong, whatever is answered: a benchmark is not ours to change."""
    lost = {question: reason for question in questions if (reason := reward.refuse(question))}
    if lost:
        named = "; ".join(f"{question.id} ({question.answer:.40}): {reason}" for question, reason in lost.items())
        rank_zero_warn(f"{len(lost)} benchmark answers are matched letter by letter alone: {named[:1000]}")


def _where(question: Question) -> str:
    return f"{question.origin or 'question'} (id {question.id!r})"
